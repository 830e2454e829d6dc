package streams_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestStream_lateResultsOfAnAttemptGivenUp: what an attempt that was given up still writes
// is not what the caller sees.
func TestStream_lateResultsOfAnAttemptGivenUp(t *testing.T) {
	var late *metadata.MD // where the first attempt leaves its trailer
	right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if late != nil {
			return streamer(ctx, desc, cc, method, opts...)
		}
		for _, o := range opts {
			if o, ok := o.(grpc.TrailerCallOption); ok {
				late = o.TrailerAddr
			}
		}
		return nil, grpctest.ErrUnreachable
	}
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
	retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var trailer metadata.MD
		if _, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn, grpc.Trailer(&trailer))); err != nil || late == nil {
			t.Fatalf("got %v, want success, and an option for the trailer", err)
		}
		*late = metadata.Pairs("attempt", "1")
		if len(trailer.Get("attempt")) > 0 {
			t.Errorf("got the trailer %v of the first attempt, want that of the second", trailer)
		}
	})
}

// failingFirst is a stream interceptor for the right of ours that fails the first attempt
// of every call while the stream below goes on.
func failingFirst() grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		below, err := streamer(ctx, desc, cc, method, opts...)
		if md, _ := metadata.FromOutgoingContext(ctx); err != nil || len(md["grpc-previous-rpc-attempts"]) > 0 {
			return below, err
		}
		return notToday{below, make(chan struct{}, 10)}, nil
	}
}

// notToday fails when it is received from, while it is being sent on.
type notToday struct {
	grpc.ClientStream
	sending chan struct{} // has room for all
}

func (s notToday) SendMsg(m any) error {
	s.sending <- struct{}{}
	time.Sleep(time.Millisecond)
	return s.ClientStream.SendMsg(m)
}

func (s notToday) RecvMsg(any) error {
	<-s.sending
	return status.Error(grpccodes.Unavailable, "not today")
}

// TestStream_lateResults: an attempt that was given up writes no longer into the
// caller's Header and Trailer variables.
func TestStream_lateResults(t *testing.T) {
	conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
		stream.SetTrailer(metadata.Pairs("n", "of the server"))
		grpctest.ReadAll(stream)
		return nil
	}, append(retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithoutBudget(),
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Microsecond, Max: time.Microsecond, Multiplier: 1})),
		grpc.WithChainStreamInterceptor(failingFirst())))
	for range 100 {
		var header, trailer metadata.MD
		stream := grpctest.OpenRaw(t, conn, bidiStreamDesc, grpc.Header(&header), grpc.Trailer(&trailer))
		var wg sync.WaitGroup
		wg.Go(func() { // so that a sender has to end the attempt that was given up
			_ = stream.SendMsg(grpctest.Ask("x"))
			_ = stream.CloseSend()
		})
		_, err := grpctest.Receive(stream)
		if err != io.EOF || len(trailer["n"]) != 1 { //nolint:errorlint // as above
			t.Fatalf("got %v, header %v, trailer %v, want those of the attempt that was well", err, header, trailer)
		}
		wg.Wait()
	}
}
