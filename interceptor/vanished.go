package interceptor

import (
	"context"
	"io"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// vanished is the error of an attempt that has ended without any response, which looks
// like a success without messages: after a GOAWAY that leaves new streams unprocessed,
// grpc's own retry can return a bare io.EOF. It is a status of UNAVAILABLE.
type vanished struct{}

// Error implements error.
func (*vanished) Error() string { return "interceptor: the stream ended without a response" }

// GRPCStatus makes it a status.
func (e *vanished) GRPCStatus() *status.Status { return status.New(grpccodes.Unavailable, e.Error()) }

// truth returns err, or what it stands for if an attempt has ended with io.EOF and the
// server has sent nothing: neither a header nor a trailer, which in a response without a
// header has at least the content-type. An attempt whose own context goes on is not one of
// grpc's, and tells nothing.
func truth(ctx context.Context, attempt grpc.ClientStream, err error) error {
	if err != io.EOF || ctx.Err() != nil || attempt.Context().Err() == nil { //nolint:errorlint // grpc returns io.EOF itself
		return err
	}
	if md, headerErr := attempt.Header(); md != nil || headerErr != nil || len(attempt.Trailer()) > 0 {
		return err
	}
	return &vanished{}
}
