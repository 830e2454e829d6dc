// Package gapic wires Reinvoke into Google's generated clients (GAPIC): any that
// speaks gRPC, of Gemini, Vertex AI or another service.
//
//	client, err := generativelanguage.NewGenerativeClient(ctx, gapic.ClientOptions(interceptor.WithSlog(log))...)
//	if err != nil {
//		return err
//	}
//	gapic.DisableRetry(client.CallOptions)
//
// The second step is needed because generated clients retry by themselves, in a loop
// of package gax above the interceptors: attempts of the two would multiply, and the
// loop has no limit of attempts. The interceptors cannot see it; [Retries] can.
package gapic
