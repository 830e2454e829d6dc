package gemini

import (
	"context"
	"net/http"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// OverREST returns the official Gemini client for REST, with the retries of [Dial]. url is the
// server, as https://generativelanguage.googleapis.com; authorize sets the credentials of each
// attempt. The client has no conversations, which need gRPC.
func OverREST(ctx context.Context, url string, authorize func(*http.Request) error, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error) {
	r := interceptor.New(append(opts, interceptor.WithObserver(Observe))...)
	over := rest.Client(r, authorize)
	over.Transport = asEvents{over.Transport}
	client, err := generativelanguage.NewGenerativeRESTClient(ctx, option.WithHTTPClient(over), option.WithEndpoint(url))
	if err != nil {
		return nil, err
	}
	gapic.DisableRetry(client.CallOptions)
	return client, nil
}

// WithKey returns an authorize function for [OverREST] that sends an API key.
func WithKey(key string) func(*http.Request) error {
	return func(req *http.Request) error {
		req.Header.Set("X-Goog-Api-Key", key)
		return nil
	}
}
