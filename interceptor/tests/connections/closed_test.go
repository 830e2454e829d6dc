package connections_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestConnectionCloses_inABackoff: whatever a retry waits for, a call on a closed
// connection waits no longer. A call on another connection of the Retrier does.
func TestConnectionCloses_inABackoff(t *testing.T) {
	for name, failure := range map[string]error{
		"server":  status.Error(grpccodes.Unavailable, "try again"),
		"quota":   grpctest.Hinted(time.Minute),
		"unknown": status.Error(grpccodes.Unknown, "?"),
	} {
		for _, clock := range []interceptor.Option{nil, interceptor.WithClock(&retrytest.CountingClock{})} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opts := []interceptor.Option{interceptor.WithRand(retrytest.NoSpread), interceptor.WithoutGate(), interceptor.Repeatable()}
					if clock != nil {
						opts = append(opts, clock)
					}
					dial := interceptor.New(opts...).DialOptions()
					closing := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(failure)}, dial...)
					other := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
						if n == 2 {
							return nil, failure
						}
						return &testpb.SimpleResponse{}, nil
					}}
					otherConn := grpctest.Serve(t, other, dial...)
					if _, err := grpctest.CallUnary(t.Context(), otherConn); err != nil { // so that the two do not connect at once
						t.Fatal(err)
					}
					time.AfterFunc(300*time.Millisecond, func() { _ = closing.Close() })
					done := make(chan error, 1)
					go func() { _, err := grpctest.CallUnary(t.Context(), otherConn); done <- err }()
					var err error
					if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), closing) }); got != 300*time.Millisecond {
						t.Errorf("it returned after %v, want 300ms", got)
					}
					if status.Code(err) != grpccodes.Canceled || interceptor.FailureOf(err).Code != status.Code(failure) {
						t.Errorf("got %v, want CANCELLED as grpc says of a closed connection, because of the server's failure", err)
					}
					if err := <-done; err != nil || other.Attempts() != 3 {
						t.Errorf("the other connection: got %v after %d attempts, want success after 3", err, other.Attempts())
					}
				})
			})
		}
	}
}

// TestConnectionCloses_whileTheServerAnswers: an attempt of a connection that is being
// closed can still be refused. It is the last one.
func TestConnectionCloses_whileTheServerAnswers(t *testing.T) {
	for name, failure := range map[string]error{
		"a hint":    grpctest.Hinted(time.Minute),
		"no wait":   grpctest.WithInfo(t, grpccodes.Unauthenticated, "expired", "ACCESS_TOKEN_EXPIRED"),
		"a backoff": status.Error(grpccodes.Unavailable, "try again"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				late := func(_ context.Context, _ string, _, _ any, cc *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
					attempts++
					_ = cc.Close()
					return failure
				}
				renew := interceptor.WithRefresh(func(context.Context) error { return nil })
				conn := grpctest.Serve(t, &grpctest.Server{}, append(retrytest.DialOptions(renew, interceptor.Repeatable()), grpc.WithChainUnaryInterceptor(late))...)
				var err error
				got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
				if status.Code(err) != grpccodes.Canceled || attempts != 1 || got != 0 {
					t.Errorf("got %v after %d attempts and %v, want CANCELLED after 1 and at once", err, attempts, got)
				}
			})
		})
	}
}

// TestConnectionCloses_stream: a stream that waits for its retry is let go as well.
func TestConnectionCloses_stream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
			return status.Error(grpccodes.Unavailable, "try again")
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(300*time.Millisecond, func() { _ = conn.Close() })
		if got := grpctest.Took(func() { _, err = stream.Recv() }); got != 300*time.Millisecond {
			t.Errorf("it returned after %v, want 300ms", got)
		}
		if status.Code(err) != grpccodes.Canceled {
			t.Errorf("got %v, want CANCELLED as grpc says of a closed connection", err)
		}
	})
}
