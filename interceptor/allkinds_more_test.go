package interceptor_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestAllKinds_afterIOEOFThereIsNoRetry: where the cause cannot be looked for
// without losing an answer, the caller is told, and may stop sending: what it has
// sent so far must not be taken for all.
func TestAllKinds_afterIOEOFThereIsNoRetry(t *testing.T) {
	for _, desc := range []grpc.StreamDesc{clientStreamDesc, bidiStreamDesc} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
				if attempts = n; n == 1 {
					_ = stream.RecvMsg(grpctest.Ask(""))
					_ = stream.SendHeader(grpctest.OddHeader()) // a reply may be there, of a codec of the caller's own
					return grpctest.ErrOverloaded
				}
				return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
			}, retrytest.DialOptions(interceptor.Repeatable()))
			stream, err := conn.NewStream(t.Context(), &desc, "/test.Raw/Call", grpc.CallContentSubtype("proto"))
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				err = stream.SendMsg(grpctest.Ask("x"))
				synctest.Wait()
			}
			if !errors.Is(err, io.EOF) {
				t.Fatalf("SendMsg: %v, want io.EOF", err)
			}
			_ = stream.CloseSend()
			if _, err := grpctest.Receive(stream); status.Code(err) != grpccodes.Unavailable || attempts != 1 {
				t.Errorf("got %v after %d attempts, want the failure of the only one", err, attempts)
			}
		})
	}
}

// TestAllKinds_theOnlyReplyIsTheEnd: of a stream with one reply the call has
// ended with it, however it was committed.
func TestAllKinds_theOnlyReplyIsTheEnd(t *testing.T) {
	for name, early := range map[string]bool{"committed by the reply": false, "committed by the header": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
					_ = stream.SendHeader(grpctest.OddHeader())
					return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
				}, retrytest.DialOptions(interceptor.WithObserver(w.Observe)))
				stream := grpctest.OpenRaw(t, conn, clientStreamDesc)
				_ = stream.SendMsg(grpctest.Ask("x"))
				_ = stream.CloseSend()
				if early {
					_, _ = stream.Header()
				}
				grpctest.WantBody(t, stream, "x")
				if last := w.Last(); last.Outcome != interceptor.FirstTry || len(w.Events) != 2 {
					t.Errorf("%d events, the last %v, want that of the attempt and that of the call", len(w.Events), last.Outcome)
				}
				grpctest.WantEOF(t, stream)
				if len(w.Events) != 2 {
					t.Errorf("%d events after the end, want no more", len(w.Events))
				}
			})
		})
	}
}

// TestRefresh_ofCredentialsThatAreFreshAlready: a call that was refused late
// began with the credentials that another one has refreshed meanwhile.
func TestRefresh_ofCredentialsThatAreFreshAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wallet
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if n <= 2 {
				time.Sleep(time.Duration(n) * 10 * time.Second)
				return nil, errToken
			}
			return &testpb.SimpleResponse{}, nil
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithRefresh(w.refresh))...)
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if got := w.refreshes.Load(); got != 1 {
			t.Errorf("%d refreshes, want 1", got)
		}
	})
}

// TestRefresh_onceHoweverManyRetries: a table may allow more of them.
func TestRefresh_onceHoweverManyRetries(t *testing.T) {
	var w wallet
	expired := grpctest.WithInfo(t, grpccodes.Unauthenticated, "expired", "ACCESS_TOKEN_EXPIRED")
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(expired)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if got := w.refreshes.Load(); got != 1 || s.Attempts() != 4 {
			t.Errorf("%d refreshes, %d attempts, want 1 and 4", got, s.Attempts())
		}
	}, interceptor.WithRefresh(w.refresh), interceptor.WithPolicy(codes.Expired, policy.Policy{Retries: 3}))
}

// TestResume_noFallbackOnTheWay: what was shown cannot be taken back, even while
// a resumed attempt has delivered nothing.
func TestResume_noFallbackOnTheWay(t *testing.T) {
	s := story(sentence, grpctest.ErrOverloaded, 2, 0, 0, 0, 0)
	retrytest.Setup{Options: []interceptor.Option{
		interceptor.WithResume(fromThere),
		interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) {
			t.Error("asked about a stream of which something was shown")
			return grpctest.Ask("0"), nil
		}),
	}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		bodies, err := grpctest.Drain(openWhole(t, conn))
		if len(bodies) != 2 || status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v, %v", bodies, err)
		}
	})
}

// sloppy is a clock whose timers cannot be stopped: each fires when the test
// says so.
type sloppy struct {
	mu  sync.Mutex
	all []func()
}

func (*sloppy) Now() time.Time { return time.Now() }

func (c *sloppy) AfterFunc(_ time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, f)
	return func() bool { return false }
}

// TestAttemptTimeout_thatFiresTooLate: it is no longer the attempt's.
func TestAttemptTimeout_thatFiresTooLate(t *testing.T) {
	var clock sloppy
	s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		_ = grpctest.SendAll(out, "one")
		time.Sleep(time.Minute)
		return grpctest.SendAll(out, "two")
	}}
	retrytest.Setup{Options: []interceptor.Option{interceptor.WithAttemptTimeout(time.Second), interceptor.WithClock(&clock)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		grpctest.WantBody(t, stream, "one")
		for _, fire := range clock.all {
			fire()
		}
		grpctest.WantBody(t, stream, "two")
		grpctest.WantEOF(t, stream)
	})
}
