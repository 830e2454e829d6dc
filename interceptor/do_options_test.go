package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
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
