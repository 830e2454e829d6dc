package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// advanceSafely moves a clock, whose timers run here, and fails the test where a timer
// panics: on the runtime's clock that ends the process.
func advanceSafely(t *testing.T, c *clock.Fake, d time.Duration) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("a timer has panicked: %v", p)
		}
	}()
	c.Advance(d)
}

// TestGateObserver_panicsOnATimer: a panic of the function is logged, and the gate goes on.
func TestGateObserver_panicsOnATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewFake(time.Now())
		var d retrytest.Journal
		told := 0
		r := interceptor.New(interceptor.WithClock(c), interceptor.WithRand(retrytest.NoSpread), interceptor.WithLogger(&d),
			interceptor.WithGateObserver(func(e interceptor.GateEvent) {
				told++
				panic(fmt.Sprintf("told of %v", e.State))
			}))
		closeByHint(t.Context(), r, nil)
		done := make(chan error, 1)
		go func() { done <- doing(t.Context(), r, func() error { return nil }) }()
		synctest.Wait()
		for range 70 {
			advanceSafely(t, c, time.Second)
		}
		synctest.Wait()
		n := 0
		for _, line := range d.Take() {
			if strings.Contains(line, "the function of WithGateObserver panicked") {
				n++
			}
		}
		if err := <-done; err != nil {
			t.Errorf("the call that has waited: %v", err)
		}
		if told != 2 || n != 2 || r.Gates().Closed != 0 {
			t.Errorf("told of %d changes, %d panics are logged, and %+v: want 2, 2 and no closed gate", told, n, r.Gates())
		}
	})
}
