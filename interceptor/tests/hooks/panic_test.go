package hooks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestHooks_aPanicCostsNoToken: the token of a retry is taken before the
// retry is announced. If the announcement panics there is no retry.
func TestHooks_aPanicCostsNoToken(t *testing.T) {
	angry := false
	hooks := map[string]interceptor.Option{
		"observer": interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if angry && e.Decision.Retry {
				panic(errors.New("hook"))
			}
		}),
		"logger": interceptor.WithLogger(logging.LoggerFunc(func(_ context.Context, level logging.Level, _ string, _ ...any) {
			if angry && level == logging.LevelWarn {
				panic(errors.New("hook"))
			}
		})),
	}
	calls := map[string]func(t *testing.T, r *interceptor.Retrier, conn *grpc.ClientConn, err error) error{
		"unary": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn, _ error) error {
			_, err := grpctest.CallUnary(t.Context(), conn)
			return err
		},
		"stream": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn, _ error) error {
			_, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn))
			return err
		},
		"stream that is not there": func(t *testing.T, r *interceptor.Retrier, _ *grpc.ClientConn, err error) error {
			opening := grpctest.Refuse(err)
			_, got := r.Stream()(t.Context(), grpctest.ServerStream, nil, grpctest.StreamMethod, func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				return opening(ctx, desc, cc, method, func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
					return &grpctest.Fake{Ctx: ctx}, nil
				}, opts...)
			})
			return got
		},
		"function": func(t *testing.T, r *interceptor.Retrier, _ *grpc.ClientConn, err error) error {
			failed := false
			return r.Do(t.Context(), "f", func(context.Context) error {
				if failed {
					return nil
				}
				failed = true
				return err
			})
		},
	}
	for _, retry := range []struct {
		name string
		err  error // the first attempt of each call fails with it
		left float64
	}{{"a token", grpctest.ErrOverloaded, 4}, {"nothing", grpctest.RefusedByQuota(t), 5}} {
		for hook, option := range hooks {
			for call, invoke := range calls {
				t.Run(hook+", "+call+" whose retry costs "+retry.name, func(t *testing.T) {
					s := &grpctest.Server{
						Unary: func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
							return grpctest.RefuseFirst(1, retry.err)(ctx, n-1, in) // the first is that of the panic
						},
						Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
							return grpctest.FailFirst([]error{retry.err}, "one")(max(n-1, 1), in, out)
						},
					}
					synctest.Test(t, func(t *testing.T) {
						b, err := policy.NewBudget(policy.BudgetConfig{Max: 10, Start: 5, EarnedMax: 10})
						if err != nil {
							t.Fatal(err)
						}
						r := interceptor.New(interceptor.Repeatable(), interceptor.WithBudget(b), option)
						conn := grpctest.Serve(t, s, r.DialOptions()...)
						angry = true
						if got := grpctest.MustPanic(t, func() { _ = invoke(t, r, conn, retry.err) }); got != "hook" {
							t.Errorf("got panic %q, want the hook's", got)
						}
						angry = false
						if tokens, earned := r.Budget().Held(); tokens != 5 || earned != 0 {
							t.Errorf("after the panic the budget holds %v and %v, want 5 and 0 as before", tokens, earned)
						}
						if err := invoke(t, r, conn, retry.err); err != nil {
							t.Errorf("after the panic: %v", err)
						}
						if tokens, earned := r.Budget().Held(); tokens != retry.left || earned != 0 {
							t.Errorf("after a retry the budget holds %v and %v, want %v and 0", tokens, earned, retry.left)
						}
					})
				})
			}
		}
	}
}
