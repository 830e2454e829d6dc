package interceptor_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// silentOnce serves a stream of any kind. The first attempt gets a header, if wanted, and no
// answer.
func silentOnce(t *testing.T, header bool, opts ...interceptor.Option) *grpc.ClientConn {
	t.Helper()
	return grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
		if n > 1 {
			return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
		}
		if header {
			_ = stream.SendHeader(grpctest.OddHeader())
		}
		<-stream.Context().Done()
		return nil
	}, retrytest.DialOptions(append(opts, interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable())...))
}

// wantEarned fails the test unless the budget holds this many tokens for timeouts.
func wantEarned(t *testing.T, b *policy.Budget, want float64) {
	t.Helper()
	if _, earned := b.Held(); earned != want {
		t.Errorf("%v earned tokens are left, want %v", earned, want)
	}
}

// TestAttemptTimeout_tokenOfAnUnreadStream: nobody reads a stream that has timed out, and the
// token for the retry goes back.
func TestAttemptTimeout_tokenOfAnUnreadStream(t *testing.T) {
	for _, kind := range grpctest.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := retrytest.EarnedBudget(t, 2)
				conn := silentOnce(t, false, interceptor.WithBudget(b))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stream, err := conn.NewStream(ctx, &kind.Desc, "/test.Raw/Call")
				if err != nil {
					t.Fatal(err)
				}
				_ = stream.SendMsg(grpctest.Ask("a"))
				_ = stream.CloseSend()
				time.Sleep(5 * time.Second)
				cancel() // as grpc asks of whoever stops reading
				time.Sleep(time.Hour)
				wantEarned(t, b, 2)
			})
		})
	}
}

// TestAttemptTimeout_tokenAfterAPanic: an interceptor on the right panics while it opens a
// stream; no timer goes on and takes a token.
func TestAttemptTimeout_tokenAfterAPanic(t *testing.T) {
	for name, failures := range map[string]int{"of the first attempt": 0, "of the second attempt": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, opened := retrytest.EarnedBudget(t, 2), 0
				var attempt context.Context
				panics := grpc.WithChainStreamInterceptor(func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ grpc.Streamer, _ ...grpc.CallOption) (grpc.ClientStream, error) {
					attempt = ctx //nolint:fatcontext // looked at, not passed on
					if opened++; opened <= failures {
						return nil, grpctest.ErrUnreachable
					}
					panic("on the right")
				})
				conn := grpctest.Serve(t, &grpctest.Server{}, append(retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b)), panics)...)
				func() {
					defer func() {
						if got := recover(); got != "on the right" {
							t.Errorf("got panic %v", got)
						}
					}()
					_, _ = conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, grpctest.StreamMethod)
				}()
				if attempt.Err() == nil {
					t.Error("the context of the attempt is left")
				}
				time.Sleep(time.Hour)
				wantEarned(t, b, 2)
			})
		})
	}
}

// TestAttemptTimeout_keepsItsTokenWhileSending: the client sends or closes after the timeout,
// before it has read: the token still pays for the retry, and the error says how long the
// attempt ran.
func TestAttemptTimeout_keepsItsTokenWhileSending(t *testing.T) {
	for name, late := range map[string]func(grpc.ClientStream){
		"a message": func(s grpc.ClientStream) { _ = s.SendMsg(grpctest.Ask("b")) },
		"CloseSend": func(s grpc.ClientStream) { _ = s.CloseSend() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := retrytest.EarnedBudget(t, 1)
				others := func() float64 { // between the timeout and the decision
					for b.Take(policy.Earned) {
					}
					return 0
				}
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					if n == 1 {
						<-stream.Context().Done()
						return nil
					}
					return stream.SendMsg(grpctest.Chunk("answer"))
				}, interceptor.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b), interceptor.WithRand(others)))
				stream := grpctest.OpenRaw(t, conn, grpc.StreamDesc{ClientStreams: true, ServerStreams: true})
				_ = stream.SendMsg(grpctest.Ask("a"))
				time.Sleep(4 * time.Second)
				late(stream)
				grpctest.WantBody(t, stream, "answer")
			})
		})
	}
}

// TestAttemptTimeout_textAfterCloseSend: the text says how long the attempt ran.
func TestAttemptTimeout_textAfterCloseSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := silentOnce(t, false, interceptor.WithBudget(retrytest.EarnedBudget(t, 0)))
		stream := grpctest.OpenRaw(t, conn, grpc.StreamDesc{ClientStreams: true, ServerStreams: true})
		_ = stream.SendMsg(grpctest.Ask("a"))
		time.Sleep(20 * time.Second)
		_ = stream.CloseSend()
		if err := stream.RecvMsg(grpctest.Chunk("")); status.Code(err) != grpccodes.DeadlineExceeded || !strings.Contains(err.Error(), "extended to 18s") {
			t.Errorf("got %v, want an attempt extended to 18s", err)
		}
	})
}

// TestAttemptTimeout_streamBesideHedging: WithHedge of a connection leaves streams as they are.
func TestAttemptTimeout_streamBesideHedging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowFor(1, 5*time.Second)
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithHedge(time.Second, 2), interceptor.WithBudget(retrytest.EarnedBudget(t, 0)))...)
		var err error
		if got := grpctest.Took(func() { err = grpctest.ReadStreamOnce(t.Context(), conn) }); err != nil || got != 5*time.Second {
			t.Errorf("got %v after %v, want an answer after 5s", err, got)
		}
	})
}

// TestAttemptTimeout_afterAFallback: the request of a fallback counts anew.
func TestAttemptTimeout_afterAFallback(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slowFor(3, 5*time.Second)
				unavailable := 3
				first := grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
					if unavailable--; unavailable >= 0 {
						return grpctest.ErrUnreachable
					}
					return invoker(ctx, method, req, reply, cc, opts...)
				})
				streams := grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
					stream, err := streamer(ctx, desc, cc, method, opts...)
					if unavailable--; unavailable >= 0 {
						return unreachable{stream}, nil
					}
					return stream, err
				})
				same := func(_ context.Context, x interceptor.FailedCall) (any, error) { return x.Request, nil }
				conn := grpctest.Serve(t, s, append(retrytest.DialOptions(
					interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(retrytest.EarnedBudget(t, 0)),
					interceptor.WithLimits(policy.Limits{MaxElapsed: 4 * time.Second}), interceptor.WithFallback(same),
				), first, streams)...)
				// The first request fails three times within 3 s; the next wait of 4 s would end too late.
				if err := once(t.Context(), conn); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestAttemptTimeout_doesNotSpin: an attempt that goes on to the caller's deadline does not
// count every timeout until then.
func TestAttemptTimeout_doesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &timerCounter{}
		conn := grpctest.Serve(t, slowFor(1, 900*time.Millisecond), retrytest.DialOptions(interceptor.WithAttemptTimeout(time.Microsecond), interceptor.Repeatable(), interceptor.WithBudget(retrytest.EarnedBudget(t, 1)), interceptor.WithClock(clock))...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := grpctest.CallUnaryOnce(ctx, conn); err != nil {
			t.Error(err)
		}
		if clock.timers > 100 {
			t.Errorf("%d timers for one attempt", clock.timers)
		}
	})
}

// timerCounter counts the timers that it has made.
type timerCounter struct{ timers int }

func (*timerCounter) Now() time.Time { return time.Now() }

func (c *timerCounter) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.timers++
	return time.AfterFunc(d, f).Stop
}

// TestAttemptTimeout_asksRulesOnce: calls that go well do not ask the rules each time.
func TestAttemptTimeout_asksRulesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		match := func(*codes.Report) bool {
			asked++
			return false
		}
		conn := grpctest.Serve(t, slowFor(0, 0), retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.WithRules(codes.Rule{Name: "counts", Class: codes.Server, Match: match}))...)
		for range 10 {
			if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
				t.Error(err)
			}
		}
		if asked > 1 {
			t.Errorf("the rule was asked %d times in 10 calls without a failure", asked)
		}
	})
}

// unreachable is a stream whose every RecvMsg fails.
type unreachable struct{ grpc.ClientStream }

func (unreachable) RecvMsg(any) error { return grpctest.ErrUnreachable }
