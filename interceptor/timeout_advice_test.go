package interceptor_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestAttemptTimeout_onANewConnection: before any success has paid for a retry, one silent
// attempt is retried after 30 s. The next silent attempt is not, and the error says what
// lifts that.
func TestAttemptTimeout_onANewConnection(t *testing.T) {
	for kind, once := range grpctest.BothKinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slowFor(1, time.Hour)
				conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(2*time.Second), interceptor.Repeatable())...)
				var err error
				if got := grpctest.Took(func() { err = once(t.Context(), conn) }); err != nil || got != 31*time.Second { // 30 s, and the wait of 1 s
					t.Errorf("got %v after %v, want an answer after 31s", err, got)
				}
				grpctest.WantAttempts(t, s, 2)
			})
		})
	}
	t.Run("silent again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := slowFor(2, time.Hour)
			conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(2*time.Second), interceptor.Repeatable())...)
			var err error
			if got := grpctest.Took(func() { err = grpctest.CallUnaryOnce(t.Context(), conn) }); got != 41*time.Second { // 30 s, 1 s, and 5 timeouts
				t.Errorf("it took %v, want 41s", got)
			}
			e, ok := errors.AsType[*interceptor.Error](err)
			if !ok || e.Why != policy.BudgetExhausted || !strings.Contains(e.Error(), "interceptor.WithoutBudget()") {
				t.Errorf("got %v, want that the budget is empty, and the option that lifts it", err)
			}
			grpctest.WantAttempts(t, s, 2)
		})
	})
	t.Run("a timeout of a millisecond", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			clock := &timerCounter{}
			s := slowFor(1, time.Hour)
			conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithAttemptTimeout(time.Millisecond), interceptor.Repeatable(), interceptor.WithClock(clock))...)
			if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
				t.Error(err)
			}
			if clock.timers > 100 {
				t.Errorf("%d timers for one call", clock.timers)
			}
		})
	})
}
