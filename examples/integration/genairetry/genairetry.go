// Package genairetry lets interceptor.Retrier.Do retry the REST calls of
// google.golang.org/genai by the rules for gRPC clients of the same services. The
// package is an example to copy.
//
//	r := interceptor.New(interceptor.WithRules(genairetry.Rules()...))
//	err := r.Do(ctx, "generate", func(ctx context.Context) error {
//		reply, err := client.Models.GenerateContent(ctx, model, contents, nil)
//		...
//		return genairetry.Error(ctx, err)
//	})
//
// Leave HTTPOptions.RetryOptions of the client nil, the default: the attempts of two
// layers multiply. A stream is retried until a part of the stream is used: see the
// example of [Error].
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

// Error gives an error of the client the status of the same failure over gRPC, so that
// both are classified alike. The result wraps err: errors.As finds the genai.APIError.
// Error returns err unchanged once ctx is done, and if err comes from neither the
// service nor the network.
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
		if transport.Timeout() { // the timeout of the HTTP client: ctx is alive
			code = grpccodes.DeadlineExceeded
		}
		return &failure{err, status.New(code, transport.Err.Error())}
	}
	return err
}

// Rules returns a rule for errors of net/http: requests not sent or not answered are of
// class codes.Network.
func Rules() []codes.Rule {
	return []codes.Rule{{
		Name: "rest-transport", Class: codes.Network, Source: "net/http: url.Error", Codes: []grpccodes.Code{grpccodes.Unavailable},
		Match: func(r *codes.Report) bool {
			_, ok := errors.AsType[*url.Error](r.Err)
			return ok
		},
	}}
}

// failure is an error with its gRPC status.
type failure struct {
	error
	status *status.Status
}

// GRPCStatus returns the status to Reinvoke and to package status.
func (f *failure) GRPCStatus() *status.Status { return f.status }

// Unwrap returns the client's own error.
func (f *failure) Unwrap() error { return f.error }
