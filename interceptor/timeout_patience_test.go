package interceptor_test

import (
	"context"
	"fmt"
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

// slowFor returns a server that answers the first attempts after d.
func slowFor(attempts int, d time.Duration) *grpctest.Server {
	wait := func(ctx context.Context, n int) error {
		if n > attempts {
			return nil
		}
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	return &grpctest.Server{
		Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{}, wait(ctx, n)
		},
		Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := wait(out.Context(), n); err != nil {
				return err
			}
			return out.Send(&testpb.StreamingOutputCallResponse{})
		},
	}
}

// TestAttemptTimeout_isExtendedWithoutToken: an attempt that nothing pays a retry for goes on,
// and its late answer counts, for unary calls and streams.
func TestAttemptTimeout_isExtendedWithoutToken(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b := slowFor(1, 17*time.Second), retrytest.EarnedBudget(t, 0)
				conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b))...)
				var err error
				if got := grpctest.Took(func() { err = once(t.Context(), conn) }); err != nil || got != 17*time.Second {
					t.Errorf("got %v after %v, want an answer after 17s", err, got)
				}
				grpctest.WantAttempts(t, s, 1)
			})
		})
	}
}

// TestAttemptTimeout_endsOnceEarned: a token that another call earns meanwhile ends the
// extension at the next full timeout, and pays for the retry.
func TestAttemptTimeout_endsOnceEarned(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b := grpctest.SilentFirst(1), retrytest.EarnedBudget(t, 0)
				conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b))...)
				time.AfterFunc(7*time.Second, b.Success)
				var err error
				if got := grpctest.Took(func() { err = once(t.Context(), conn) }); err != nil || got != 10*time.Second { // 9 s, and the wait of 1 s
					t.Errorf("got %v after %v, want an answer after 10s", err, got)
				}
				grpctest.WantAttempts(t, s, 2)
				if _, earned := b.Held(); earned != 1 { // of the answer
					t.Errorf("%v earned tokens are left, want 1", earned)
				}
			})
		})
	}
}

// TestAttemptTimeout_ofManyAtOnce: of calls that time out together as many are retried as
// there are tokens, and the others go on.
func TestAttemptTimeout_ofManyAtOnce(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls, tokens = 100, 3
				s, b := slowFor(calls, 5*time.Second), retrytest.EarnedBudget(t, tokens)
				conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(4*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b))...)
				var wg sync.WaitGroup
				for range calls {
					wg.Go(func() {
						if err := once(t.Context(), conn); err != nil {
							t.Error(err)
						}
					})
				}
				time.Sleep(4500 * time.Millisecond)
				if _, earned := b.Held(); earned != 0 {
					t.Errorf("%v earned tokens are left, want none", earned)
				}
				wg.Wait()
				grpctest.WantAttempts(t, s, calls+tokens)
			})
		})
	}
}

// TestAttemptTimeout_isExtendedToTheDeadline: where a retry would begin too late, the attempt
// has the rest of the caller's time, and no token is lost.
func TestAttemptTimeout_isExtendedToTheDeadline(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		for _, budget := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, budget: %v", kind, budget), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := retrytest.EarnedBudget(t, 2)
					opts := []interceptor.Option{interceptor.WithAttemptTimeout(3 * time.Second), interceptor.Repeatable(), interceptor.WithBudget(b)}
					if !budget {
						opts = append(opts, interceptor.WithoutBudget())
					}
					s := slowFor(1, 3400*time.Millisecond)
					conn := grpctest.Serve(t, s, retrytest.DialOptions(opts...)...)
					ctx, cancel := context.WithTimeout(t.Context(), 3900*time.Millisecond) // the retry would wait for 1 s
					defer cancel()
					if err := once(ctx, conn); err != nil {
						t.Error(err)
					}
					grpctest.WantAttempts(t, s, 1)
					if _, earned := b.Held(); budget && earned != 3 { // of the answer, too
						t.Errorf("%v earned tokens are left, want 3", earned)
					}
				})
			})
		}
	}
}

// TestAttemptTimeout_givesTheTokenBack: the token of an attempt that has timed out, but whose
// call ends before the retry, is not lost.
func TestAttemptTimeout_givesTheTokenBack(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := retrytest.EarnedBudget(t, 2)
				conn := grpctest.Serve(t, grpctest.SilentFirst(2), retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b))...)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(3500*time.Millisecond, cancel) // while the retry waits
				if err := once(ctx, conn); err == nil {
					t.Error("got an answer, want none")
				}
				if _, earned := b.Held(); earned != 2 {
					t.Errorf("%v earned tokens are left, want 2", earned)
				}
			})
		})
	}
}

// TestAttemptTimeout_lateSuccess: an interceptor on the right answers although the attempt has
// timed out; the token for the retry goes back.
func TestAttemptTimeout_lateSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retrytest.EarnedBudget(t, 2)
		answer := grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			_ = invoker(ctx, method, req, reply, cc, opts...)
			return nil
		})
		dial := retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b))
		conn := grpctest.Serve(t, grpctest.SilentFirst(1), append(dial, answer)...)
		if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
			t.Error(err)
		}
		if _, earned := b.Held(); earned != 3 {
			t.Errorf("%v earned tokens are left, want 3", earned)
		}
	})
}

// TestAttemptTimeout_isNotExtended: where no retry could follow, or another attempt runs
// beside, an attempt ends after its timeout.
func TestAttemptTimeout_isNotExtended(t *testing.T) {
	for name, opts := range map[string][]interceptor.Option{
		"disabled":      {interceptor.Repeatable(), interceptor.Disable()},
		"no retries":    {interceptor.Repeatable(), interceptor.MaxRetries(0)},
		"not twice":     {interceptor.NotRepeatable()},
		"hedged":        {interceptor.Repeatable(), interceptor.WithHedge(0, 2)},
		"no such row":   {interceptor.Repeatable(), interceptor.WithTable(policy.Table{})},
		"a rule for it": {interceptor.Repeatable(), interceptor.WithRules(codes.Rule{Name: "never", Class: codes.Request, Codes: []grpccodes.Code{grpccodes.DeadlineExceeded}})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				silent := &grpctest.Server{Unary: silentFor(9)}
				opts := append(opts, interceptor.WithAttemptTimeout(3*time.Second), interceptor.WithBudget(retrytest.EarnedBudget(t, 0)))
				conn := grpctest.Serve(t, silent, retrytest.DialOptions(opts...)...)
				var err error
				if got := grpctest.Took(func() { err = grpctest.CallUnaryOnce(t.Context(), conn) }); status.Code(err) != grpccodes.DeadlineExceeded || got != 3*time.Second {
					t.Errorf("got %v after %v, want DEADLINE_EXCEEDED after 3s", err, got)
				}
			})
		})
	}
}

// TestAttemptTimeout_keepsItsToken: the token that has ended an attempt pays for the retry of
// the same call, whatever other calls take meanwhile.
func TestAttemptTimeout_keepsItsToken(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b := grpctest.SilentFirst(1), retrytest.EarnedBudget(t, 1)
				others := func() float64 { // between the timeout and the decision
					for b.Take(policy.Earned) {
					}
					return 0
				}
				conn := grpctest.Serve(t, s, interceptor.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b), interceptor.WithRand(others))...)
				if err := once(t.Context(), conn); err != nil {
					t.Error(err)
				}
				grpctest.WantAttempts(t, s, 2)
			})
		})
	}
}
