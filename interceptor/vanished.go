package interceptor

import (
	"context"
	"io"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// vanished is the error of an attempt that ended without any response. Such an end looks
// like a success without messages: after a GOAWAY that leaves new streams unprocessed,
// grpc's own retry can return a bare io.EOF.
type vanished struct{}

// Error implements error.
func (*vanished) Error() string { return "interceptor: the stream ended without a response" }

// GRPCStatus returns a status of UNAVAILABLE.
func (e *vanished) GRPCStatus() *status.Status { return status.New(grpccodes.Unavailable, e.Error()) }

// truth returns err, or vanished if an attempt ended with io.EOF and the server sent
// neither a header nor a trailer: a response without a header has a trailer with at least
// the content-type. An attempt whose own context goes on is not grpc's, and proves nothing.
func truth(ctx context.Context, attempt grpc.ClientStream, err error) error {
	if err != io.EOF || ctx.Err() != nil || attempt.Context().Err() == nil { //nolint:errorlint // grpc returns io.EOF itself
		return err
	}
	if md, headerErr := attempt.Header(); md != nil || headerErr != nil || len(attempt.Trailer()) > 0 {
		return err
	}
	return &vanished{}
}
