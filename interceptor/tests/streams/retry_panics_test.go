package streams_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// mute is a stream on which nothing can be sent, as its interceptor says.
type mute struct{ grpc.ClientStream }

func (mute) SendMsg(any) error { return status.Error(grpccodes.Unavailable, "not sent") }

// TestStream_retryThatPanics: where an interceptor on the right panics as the next attempt
// is opened, the stream does not go on with the last one, to which nothing was sent.
func TestStream_retryThatPanics(t *testing.T) {
	attempts := 0
	right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if attempts++; attempts > 1 {
			panic("on the right")
		}
		stream, err := streamer(ctx, desc, cc, method, opts...)
		return mute{stream}, err
	}
	retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable()}, Right: []grpc.StreamClientInterceptor{right}}.Run(t, &grpctest.Server{}, func(t *testing.T, conn *grpc.ClientConn) {
		stream, err := testpb.NewTestServiceClient(conn).FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if got := recover(); got != "on the right" {
					t.Errorf("SendMsg: got panic %v, want that of the right", got)
				}
			}()
			_ = stream.Send(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte("lost")}})
		}()
		if err := stream.Send(&testpb.StreamingOutputCallRequest{}); err == nil {
			t.Error("Send: got no error of a stream that is over")
		}
		if m, err := stream.Recv(); err == nil || errors.Is(err, context.Canceled) || attempts != 2 {
			t.Errorf("Recv: got %v, %v after %d attempts, want an error after 2", m, err, attempts)
		}
	})
}

// TestStream_hookThatPanics: whoever recovers has a stream that answers, not
// one that hangs. The second attempt is no stream, so that there is nothing
// to go on with when the hook panics.
func TestStream_hookThatPanics(t *testing.T) {
	for _, armedAt := range []int{1, 2} {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")}
		failures := 0
		rule := codes.Rule{Name: "trap", Class: codes.Server, Match: func(*codes.Report) bool {
			if failures++; failures == armedAt {
				panic("trap")
			}
			return true
		}}
		u := retrytest.Setup{
			Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithRules(rule)},
			Right:   []grpc.StreamClientInterceptor{grpctest.Refuse(nil, grpctest.ErrUnreachable)},
		}
		u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			func() {
				defer func() {
					if recover() == nil {
						t.Fatal("want the panic of the hook to reach the caller")
					}
				}()
				_, _ = grpctest.Receive(stream)
			}()
			_, _ = stream.Trailer(), stream.CloseSend()
			body, err := grpctest.Receive(stream)
			switch {
			case armedAt == 1 && (err != nil || body != "one"):
				t.Errorf("got %q, %v, want the stream to go on", body, err)
			case armedAt == 2 && status.Code(err) != grpccodes.Unavailable:
				t.Errorf("got %q, %v, want the failure of the last attempt", body, err)
			}
			if err != nil {
				wantTerminal(t, s, stream, err)
			}
		})
	}
}
