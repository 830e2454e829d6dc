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
					other := &server{unary: refuseFirst(1, failure)}
					otherConn := serve(t, other, dial...)
					time.AfterFunc(300*time.Millisecond, func() { _ = closing.Close() })
					done := make(chan error, 1)
					go func() { _, err := callUnary(t.Context(), otherConn); done <- err }()
					var err error
					if got := took(func() { _, err = callUnary(t.Context(), closing) }); got != 300*time.Millisecond {
						t.Errorf("it returned after %v, want 300ms", got)
					}
					if status.Code(err) != grpccodes.Canceled {
						t.Errorf("got %v, want CANCELLED as grpc says of a closed connection", err)
					}
					if err := <-done; err != nil || other.attempts() != 2 {
						t.Errorf("the other connection: got %v after %d attempts, want success after 2", err, other.attempts())
					}
				})
			})
		}
	}
}

// TestConnectionCloses_whileTheServerAnswers: an attempt that began while its
// connection was closing can still be refused. Its retry does not wait for a minute.
func TestConnectionCloses_whileTheServerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		late := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if attempts++; attempts == 2 {
				return hinted(time.Minute)
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		}
		s := &server{unary: refuseAlways(hinted(time.Minute))}
		conn := serve(t, s, append(retrying(), grpc.WithChainUnaryInterceptor(late))...)
		_, _ = callUnary(t.Context(), conn, interceptor.MaxRetries(0))
		time.AfterFunc(300*time.Millisecond, func() { _ = conn.Close() })
		var err error
		if got := took(func() { _, err = callUnary(t.Context(), conn) }); got != 300*time.Millisecond {
			t.Errorf("it returned after %v, want 300ms", got)
		}
		if status.Code(err) != grpccodes.Canceled || attempts != 3 {
			t.Errorf("got %v after %d attempts, want CANCELLED after 3", err, attempts)
		}
	})
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
