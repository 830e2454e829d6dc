// Package genairetry lets interceptor.Retrier.Do retry the calls of
// google.golang.org/genai, which speaks REST, by the rules that hold for the gRPC
// clients of the same services. Copy it: it is an example.
//
//	r := interceptor.New(interceptor.WithRules(genairetry.Rules()...))
//	err := r.Do(ctx, "generate", func(ctx context.Context) error {
//		reply, err := client.Models.GenerateContent(ctx, model, contents, nil)
//		...
//		return genairetry.Error(ctx, err)
//	})
//
// Leave HTTPOptions.RetryOptions of the client nil, its default: the attempts of two
// layers multiply. A stream is retried while nothing of it was used: see the example of
// [Error].
package genairetry

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"google.golang.org/genai"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// Error gives an error of the client the status that it has over gRPC, so that it is
// classified as there. It wraps the error: errors.As finds the genai.APIError. One that
// ctx has brought about, and one of neither the service nor the network, is returned
// as it is.
func Error(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if api, ok := errors.AsType[genai.APIError](err); ok {
		body, jsonErr := json.Marshal(api)
		if jsonErr != nil {
			return err
		}
		st, jsonErr := codes.FromJSON(body)
		if jsonErr != nil {
			return err
		}
		return &failure{err, st}
	}
	if transport, ok := errors.AsType[*url.Error](err); ok {
		code := grpccodes.Unavailable
		if transport.Timeout() { // of the HTTP client: ctx is alive
			code = grpccodes.DeadlineExceeded
		}
		return &failure{err, status.New(code, transport.Err.Error())}
	}
	return err
}

// Rules classifies what net/http could not send, or got no answer to, as codes.Network.
func Rules() []codes.Rule {
	return []codes.Rule{{
		Name: "rest-transport", Class: codes.Network, Source: "net/http: url.Error", Codes: []grpccodes.Code{grpccodes.Unavailable},
		Match: func(r *codes.Report) bool {
			_, ok := errors.AsType[*url.Error](r.Err)
			return ok
		},
	}}
}

// failure is an error with the status that it stands for.
type failure struct {
	error
	status *status.Status
}

// GRPCStatus is what Reinvoke, and package status, look for.
func (f *failure) GRPCStatus() *status.Status { return f.status }

// Unwrap leads to the client's own error.
func (f *failure) Unwrap() error { return f.error }
