package interceptor_test

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
)

// TestConnectionCloses_inABackoff: whatever a retry waits for, a call on a closed
// connection waits no longer. A call on another connection of the Retrier does.
func TestConnectionCloses_inABackoff(t *testing.T) {
	for name, failure := range map[string]error{
		"server":  status.Error(grpccodes.Unavailable, "try again"),
		"quota":   hinted(time.Minute),
		"unknown": status.Error(grpccodes.Unknown, "?"),
	} {
		for _, clock := range []interceptor.Option{nil, interceptor.WithClock(&countingClock{})} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opts := []interceptor.Option{interceptor.WithRand(noSpread), interceptor.WithoutGate(), interceptor.Repeatable()}
					if clock != nil {
						opts = append(opts, clock)
					}
					dial := interceptor.New(opts...).DialOptions()
					closing := serve(t, &server{unary: refuseAlways(failure)}, dial...)
					other := &server{unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
						if n == 2 {
							return nil, failure
						}
						return &testpb.SimpleResponse{}, nil
					}}
					otherConn := serve(t, other, dial...)
					if _, err := callUnary(t.Context(), otherConn); err != nil { // so that the two do not connect at once
						t.Fatal(err)
					}
					time.AfterFunc(300*time.Millisecond, func() { _ = closing.Close() })
					done := make(chan error, 1)
					go func() { _, err := callUnary(t.Context(), otherConn); done <- err }()
					var err error
					if got := took(func() { _, err = callUnary(t.Context(), closing) }); got != 300*time.Millisecond {
						t.Errorf("it returned after %v, want 300ms", got)
					}
					if status.Code(err) != grpccodes.Canceled || interceptor.FailureOf(err).Code != status.Code(failure) {
						t.Errorf("got %v, want CANCELLED as grpc says of a closed connection, because of the server's failure", err)
					}
					if err := <-done; err != nil || other.attempts() != 3 {
						t.Errorf("the other connection: got %v after %d attempts, want success after 3", err, other.attempts())
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
		"a hint":    hinted(time.Minute),
		"no wait":   withInfo(t, grpccodes.Unauthenticated, "expired", "ACCESS_TOKEN_EXPIRED"),
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
				conn := serve(t, &server{}, append(retrying(renew, interceptor.Repeatable()), grpc.WithChainUnaryInterceptor(late))...)
				var err error
				got := took(func() { _, err = callUnary(t.Context(), conn) })
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
		s := &server{stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
			return status.Error(grpccodes.Unavailable, "try again")
		}}
		conn := serve(t, s, retrying()...)
		stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(300*time.Millisecond, func() { _ = conn.Close() })
		if got := took(func() { _, err = stream.Recv() }); got != 300*time.Millisecond {
			t.Errorf("it returned after %v, want 300ms", got)
		}
		if status.Code(err) != grpccodes.Canceled {
			t.Errorf("got %v, want CANCELLED as grpc says of a closed connection", err)
		}
	})
}
