package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"weak"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDo_optionsDoNotReachTheCallsOfTheFunction: they say something of the
// function as a whole. That it may run twice does not mean that each method
// which it calls may.
func TestDo_optionsDoNotReachTheCallsOfTheFunction(t *testing.T) {
	errInside := status.Error(grpccodes.Internal, "it may have run")
	for _, tt := range []struct {
		name     string
		opt      interceptor.CallOption
		fails    int   // attempts that fail
		err      error // with which
		calls    int   // of the function
		attempts int   // of all its calls together
		code     grpccodes.Code
	}{
		{"Repeatable", interceptor.Repeatable(), 100, errInside, 4, 4, grpccodes.Internal},
		{"Disable", interceptor.Disable(), 2, grpctest.ErrOverloaded, 1, 3, grpccodes.OK},
		{"MaxRetries", interceptor.MaxRetries(0), 2, grpctest.ErrOverloaded, 1, 3, grpccodes.OK},
		{"WithTable", interceptor.WithTable(policy.Table{}), 2, grpctest.ErrOverloaded, 1, 3, grpccodes.OK},
	} {
		for kind, invoke := range map[string]func(t *testing.T, ctx context.Context, conn *grpc.ClientConn) error{
			"unary": func(_ *testing.T, ctx context.Context, conn *grpc.ClientConn) error {
				_, err := grpctest.CallUnary(ctx, conn)
				return err
			},
			"stream": func(t *testing.T, ctx context.Context, conn *grpc.ClientConn) error {
				_, err := grpctest.Drain(grpctest.Open(t, ctx, conn))
				return err
			},
		} {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &grpctest.Server{Unary: grpctest.RefuseFirst(tt.fails, tt.err), Stream: grpctest.FailFirst(slices.Repeat([]error{tt.err}, tt.fails), "one")}
					r := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
					conn := grpctest.Serve(t, s, r.DialOptions()...)
					calls := 0
					err := r.Do(t.Context(), "f", func(ctx context.Context) error {
						calls++
						return invoke(t, ctx, conn)
					}, tt.opt)
					if status.Code(err) != tt.code || calls != tt.calls || s.Attempts() != tt.attempts {
						t.Errorf("got %v after %d calls and %d attempts, want %v after %d and %d", err, calls, s.Attempts(), tt.code, tt.calls, tt.attempts)
					}
				})
			})
		}
	}
}

// TestOptions_ofOneCallAreCheckedTogether: what one option alone would make
// invalid, another one of the same call may make right.
func TestOptions_ofOneCallAreCheckedTogether(t *testing.T) {
	row := func(retries int) interceptor.CallOption {
		return interceptor.WithPolicy(codes.Server, policy.Policy{Retries: retries})
	}
	type options = []interceptor.CallOption
	table, most, two := interceptor.WithTable(policy.Default()), interceptor.MaxRetries, interceptor.WithLimits(policy.Limits{MaxAttempts: 2})
	for _, tt := range []struct {
		name       string
		connection interceptor.Option
		call       options
		attempts   int // none where the call is refused
	}{
		{"a table and MaxRetries", nil, options{table, most(1)}, 2},
		{"MaxRetries and a table", nil, options{most(1), table}, 2},
		{"a row and MaxRetries", nil, options{row(3), most(1)}, 2},
		{"MaxRetries and a row", nil, options{most(1), row(3)}, 2},
		{"a small table and limits", nil, options{interceptor.WithTable(retrytest.AtOnce(1)), two}, 2},
		{"limits and a small table", nil, options{two, interceptor.WithTable(retrytest.AtOnce(1))}, 2},
		{"MaxRetries and limits", nil, options{most(1), two}, 2},
		{"limits that cut the table", nil, options{two, interceptor.WithTable(retrytest.AtOnce(2))}, 0},
		{"limits that cut the connection's table", nil, options{two}, 0},
		{"limits that cut what MaxRetries leaves", nil, options{most(2), two}, 0},
		{"a row above the default limit, MaxRetries of the connection above both", most(20), options{row(10)}, 11},
		{"a row above MaxRetries of the connection", most(2), options{row(10)}, 3},
		{"a table above MaxRetries of the connection", most(2), options{table}, 3},
		{"MaxRetries above that of the connection", most(1), options{most(3)}, 4},
		{"MaxRetries above that of the connection, and a row", most(1), options{row(5), most(5)}, 6},
		{"the last MaxRetries of several", nil, options{most(1), most(2)}, 3},
	} {
		for kind, invoke := range map[string]func(t *testing.T, r *interceptor.Retrier, conn *grpc.ClientConn) error{
			"unary": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn) error {
				_, err := grpctest.CallUnary(t.Context(), conn, asGRPC(tt.call)...)
				return err
			},
			"stream": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn) error {
				stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), grpctest.Ask(""), asGRPC(tt.call)...)
				if err == nil {
					_, err = stream.Recv()
				}
				return err
			},
			"function": func(t *testing.T, r *interceptor.Retrier, conn *grpc.ClientConn) error {
				return r.Do(t.Context(), "f", func(ctx context.Context) error {
					_, err := grpctest.CallUnary(ctx, conn, interceptor.Disable())
					return err
				}, tt.call...)
			},
		} {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded), Stream: grpctest.FailFirst(slices.Repeat([]error{grpctest.ErrOverloaded}, 20))}
				synctest.Test(t, func(t *testing.T) {
					r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), tt.connection)
					want := grpccodes.Unavailable
					if tt.attempts == 0 {
						want = grpccodes.InvalidArgument
					}
					err := invoke(t, r, grpctest.Serve(t, s, r.DialOptions()...))
					if status.Code(err) != want || s.Attempts() != tt.attempts {
						t.Errorf("got %v after %d attempts, want %v after %d", err, s.Attempts(), want, tt.attempts)
					}
				})
			})
		}
	}
}

// asGRPC returns the options as grpc takes them.
func asGRPC(opts []interceptor.CallOption) (all []grpc.CallOption) {
	for _, o := range opts {
		all = append(all, o)
	}
	return all
}

// TestUnary_keepsNothingOfTheOptionsOfACall: the room for the options of a
// call is used again for others, and must not keep alive what those of one
// call point to, however many they were.
func TestUnary_keepsNothingOfTheOptionsOfACall(t *testing.T) {
	type result struct{ header metadata.MD }
	observer := interceptor.WithObserver(func(context.Context, interceptor.Event) {})
	for _, tt := range []struct {
		name  string
		fails int
		opts  []interceptor.Option
	}{
		{"succeeds", 0, nil},
		{"recovers", 1, nil},
		{"fails", 2, nil},
		{"succeeds, observed", 0, []interceptor.Option{observer}},
		{"recovers, observed", 1, []interceptor.Option{observer}},
	} {
		for n := range 20 {
			r := interceptor.New(append(tt.opts, interceptor.WithTable(retrytest.AtOnce(1)))...)
			call := func() (kept []weak.Pointer[result]) {
				var opts []grpc.CallOption
				for range n {
					to := &result{}
					kept, opts = append(kept, weak.Make(to)), append(opts, grpc.Header(&to.header))
				}
				attempts := 0
				_ = r.Unary()(t.Context(), grpctest.UnaryMethod, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
					if attempts++; attempts <= tt.fails {
						return grpctest.ErrOverloaded
					}
					return nil
				}, opts...)
				return kept
			}
			kept := call()
			runtime.GC() // once: what is pooled lives through it
			for i, p := range kept {
				if p.Value() != nil {
					t.Errorf("a call that %s with %d options: option %d is kept", tt.name, n, i)
				}
			}
			runtime.KeepAlive(r)
		}
	}
}

// TestDo_ownRulesSeeErrorsOfPackageContext: as long as the caller's context is
// alive, such an error is one of the function's own making. Without a rule for
// it, it ends the call.
func TestDo_ownRulesSeeErrorsOfPackageContext(t *testing.T) {
	rule := func(target error) interceptor.Option {
		return interceptor.WithRules(codes.Rule{
			Name: "own-timer", Class: codes.Timeout, Match: func(r *codes.Report) bool { return errors.Is(r.Err, target) },
		})
	}
	for _, tt := range []struct {
		name   string
		err    error
		opt    interceptor.Option
		cancel bool // the caller's context, in the first call
		calls  int
		want   string // rule
	}{
		{"a deadline", context.DeadlineExceeded, rule(context.DeadlineExceeded), false, 3, "own-timer"},
		{"a deadline, wrapped", fmt.Errorf("page 3: %w", context.DeadlineExceeded), rule(context.DeadlineExceeded), false, 3, "own-timer"},
		{"a cancellation", context.Canceled, rule(context.Canceled), false, 3, "own-timer"},
		{"a rule for something else", context.DeadlineExceeded, rule(context.Canceled), false, 1, "context-error"},
		{"no rule", context.DeadlineExceeded, nil, false, 1, "context-error"},
		{"a caller that has gone", context.DeadlineExceeded, rule(context.DeadlineExceeded), true, 1, "caller-done"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var w retrytest.Watcher
			calls := 0
			r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(2)), interceptor.WithObserver(w.Observe), tt.opt)
			err := r.Do(ctx, "f", func(context.Context) error {
				calls++
				if tt.cancel {
					cancel()
				}
				return tt.err
			})
			if !errors.Is(err, tt.err) || calls != tt.calls || w.Last().Failure.Rule != tt.want {
				t.Errorf("got %v after %d calls by the rule %q, want the function's error after %d by %q", err, calls, w.Last().Failure.Rule, tt.calls, tt.want)
			}
		})
	}
}
