package interceptor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestStream_nowhereToDecode: grpc itself does not look at where a message
// goes unless there is one.
func TestStream_nowhereToDecode(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errDenied, errDenied, errDenied, errDenied})}
	var none *testpb.StreamingOutputCallResponse
	for name, m := range map[string]any{"nil": nil, "a nil message": none, "a nil pointer": (*string)(nil), "no pointer": 7} {
		t.Run(name, func(t *testing.T) {
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				retrytest.WantStatus(t, stream.RecvMsg(m), grpccodes.PermissionDenied, "no")
			})
		})
	}
}

// TestStream_onFinishMayUseTheStream: grpc calls it where it holds no lock.
func TestStream_onFinishMayUseTheStream(t *testing.T) {
	for name, handle := range map[string]grpctest.StreamHandler{
		"uncommitted failure": grpctest.FailFirst([]error{status.Error(grpccodes.PermissionDenied, "no")}),
		"uncommitted success": grpctest.FailFirst(nil),
		"committed":           grpctest.FailFirst(nil, "one"),
		"after a retry":       grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one"),
		"exhausted":           grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}),
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				out.SetTrailer(metadata.Pairs("k", "v"))
				return handle(n, in, out)
			}}
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				called := 0
				var stream grpc.ClientStream
				stream = grpctest.Open(t, t.Context(), conn, grpc.OnFinish(func(error) {
					called++
					if len(stream.Trailer()["k"]) != 1 {
						t.Error("Trailer: none, want that of the last attempt")
					}
					if err := stream.CloseSend(); err != nil {
						t.Errorf("CloseSend: %v", err)
					}
					_ = stream.Context()
				}))
				_, _ = grpctest.Drain(stream)
				if called != 1 {
					t.Errorf("OnFinish was called %d times, want once", called)
				}
			})
		})
	}
}

// TestStream_faultyMessageIsTheEnd: grpc's own stream goes on reading behind
// a message that it could not take, and may take what it finds there for a
// message.
func TestStream_faultyMessageIsTheEnd(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one", string(make([]byte, 1000)), "three")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn, grpc.MaxCallRecvMsgSize(100))
		grpctest.WantBody(t, stream, "one")
		time.Sleep(time.Second) // the rest has arrived
		_, final := grpctest.Receive(stream)
		if status.Code(final) != grpccodes.ResourceExhausted {
			t.Fatalf("RecvMsg: %v, want a message that is too large", final)
		}
		wantTerminal(t, s, stream, final)
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

// TestStream_onFinishWhenTheConnectionIsClosed: grpc calls it then, whether or
// not the stream is ever looked at again.
func TestStream_onFinishWhenTheConnectionIsClosed(t *testing.T) {
	for failures := range 2 {
		s := &grpctest.Server{Stream: grpctest.Hang(failures, 0)}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			var f grpctest.Finishes
			stream := grpctest.Open(t, t.Context(), conn, f.Option())
			if failures > 0 {
				go func() { _, _ = grpctest.Receive(stream) }()
				time.Sleep(time.Minute) // the retry stands
			}
			_ = conn.Close()
			synctest.Wait()
			if got := f.All(); len(got) != 1 || status.Code(got[0]) != grpccodes.Canceled {
				t.Errorf("after %d failures: OnFinish was called with %v, want once with Canceled", failures, got)
			}
			_, _ = grpctest.Receive(stream)
			if got := f.All(); len(got) != 1 {
				t.Errorf("after %d failures: OnFinish was called %d times, want once", failures, len(got))
			}
		})
	}
}

// TestStream_replayBufferAfterNewStreamHasFailed: what applies to the call is
// known by then.
func TestStream_replayBufferAfterNewStreamHasFailed(t *testing.T) { testReplayBuffer(t, 1) }
