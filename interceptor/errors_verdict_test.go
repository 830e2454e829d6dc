package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestError_saysWhoGaveUp: a call that ends for want of time, tokens or retries has been
// given up and may succeed later; one that was refused for ever has failed for good.
func TestError_saysWhoGaveUp(t *testing.T) {
	denied := status.Error(grpccodes.PermissionDenied, "no")
	one, err := policy.NewBudget(policy.BudgetConfig{Max: 1, Start: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why     policy.Why
		want    string
		timeout time.Duration // 0 for none
		second  error         // of the second attempt
		opts    []interceptor.Option
	}{
		{policy.DeadlineTooNear, "gave up", 3 * time.Second, grpctest.ErrOverloaded, nil},
		{policy.ElapsedExhausted, "gave up", 0, grpctest.ErrOverloaded, []interceptor.Option{interceptor.WithLimits(policy.Limits{MaxElapsed: 3 * time.Second})}},
		{policy.ClassExhausted, "gave up", 0, grpctest.ErrOverloaded, []interceptor.Option{interceptor.MaxRetries(1)}},
		{policy.HintTooLong, "gave up", 0, grpctest.Hinted(time.Hour), nil},
		{policy.BudgetExhausted, "gave up", 0, grpctest.ErrOverloaded, []interceptor.Option{interceptor.WithBudget(one)}},
		{policy.NeverRetried, "failed for good", 0, denied, nil},
	} {
		t.Run(tt.why.String(), func(t *testing.T) {
			s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if n == 1 {
					return nil, grpctest.ErrOverloaded
				}
				return nil, tt.second
			}}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				ctx := t.Context()
				if tt.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
				e, ok := errors.AsType[*interceptor.Error](err)
				if !ok || e.Why != tt.why || len(e.Attempts) != 2 {
					t.Fatalf("got %v, want an *Error of two attempts, because of %v", err, tt.why)
				}
				if want := grpctest.UnaryMethod + " " + tt.want + " (" + tt.why.String() + ") after 2 attempts ["; !strings.HasPrefix(err.Error(), want) {
					t.Errorf("got %q, want %q at its beginning", err, want)
				}
			}, append(tt.opts, interceptor.Repeatable())...)
		})
	}
}
