// Package gapic wires Reinvoke into Google's generated clients (GAPIC): any gRPC
// client of Gemini, Vertex AI or another service.
//
//	client, err := generativelanguage.NewGenerativeClient(ctx, gapic.ClientOptions(interceptor.WithSlog(log))...)
//	if err != nil {
//		return err
//	}
//	gapic.DisableRetry(client.CallOptions)
//
// The second step is necessary because generated clients retry by themselves, in a
// loop of package gax above the interceptors. The attempts of both layers would
// multiply, and the loop has no limit of attempts. The interceptors cannot see the
// loop; [Retries] can.
package gapic
