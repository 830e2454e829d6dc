// Package rest retries the calls of HTTP clients by the rules for gRPC calls. The package
// is made for google.golang.org/genai, which calls Gemini and Vertex AI over REST, and
// serves any client on net/http.
//
//	r := interceptor.New(interceptor.WithSlog(log))
//	client, err := genai.NewClient(ctx, &genai.ClientConfig{APIKey: key, HTTPClient: rest.Client(r, nil)})
//
// Table, classification, budget, gate, breaker, refresh, attempt timeout, events and log
// are those of the Retrier. What does not apply: [interceptor.WithHedge], because a
// response cannot be given up for another without a second bill;
// [interceptor.WithAccept], [interceptor.WithFallback] and [interceptor.WithResume],
// because they are made of messages; [interceptor.WithoutEvidence], because evidence costs
// nothing more here. Options of a call go into its context: [interceptor.NewContext].
package rest
