package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestAttemptTimeout_onANewConnection: no success has paid for a retry yet, and the error
// says so, and what lifts it.
func TestAttemptTimeout_onANewConnection(t *testing.T) {
	silent := func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, lifted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			opts := []interceptor.Option{interceptor.WithAttemptTimeout(2 * time.Second), interceptor.Repeatable(), interceptor.MaxRetries(1)}
			if lifted {
				opts = append(opts, interceptor.WithoutBudget())
			}
			s := &grpctest.Server{Unary: silent}
			_, err := grpctest.CallUnary(t.Context(), grpctest.Serve(t, s, interceptor.DialOptions(opts...)...))
			var e *interceptor.Error
			switch {
			case !errors.As(err, &e):
				t.Errorf("got %v, want an *Error", err)
			case lifted && s.Attempts() != 2:
				t.Errorf("%d attempts without a budget, want 2", s.Attempts())
			case !lifted && (s.Attempts() != 1 || e.Why != policy.BudgetExhausted || !strings.Contains(e.Error(), "interceptor.WithoutBudget()")):
				t.Errorf("got %v after %d attempts, want one, and the option that lifts it", e, s.Attempts())
			}
		})
	}
}
