package gate_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// correctedClock is a clock by hand whose time of day is set back at some moment. Its
// timers are not concerned.
type correctedClock struct {
	*clock.Fake
	back atomic.Int64
}

func newCorrectedClock() *correctedClock { return &correctedClock{Fake: clock.NewFake(time.Now())} }

func (c *correctedClock) Now() time.Time { return c.Fake.Now().Add(-time.Duration(c.back.Load())) }

func (c *correctedClock) setBackAnHour() { c.back.Add(int64(time.Hour)) }

// timings keeps what the events of calls say of durations, and fails the test for a
// negative one.
type timings struct {
	mu    sync.Mutex
	calls int
}

func (w *timings) option(t *testing.T) interceptor.Option {
	t.Helper()
	return interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if e.Outcome != interceptor.Pending {
			w.calls++
		}
		for name, d := range map[string]time.Duration{
			"Took": e.Took, "Wait": e.Wait, "AtGate": e.AtGate, "Waited": e.Waited, "Gated": e.Gated, "Decision.Wait": e.Decision.Wait,
		} {
			if d < 0 {
				t.Errorf("told of attempt %d with the outcome %v: %s is %v, want 0 or more", e.Attempt, e.Outcome, name, d)
			}
		}
	})
}

// wantNoNegative fails the test if a line of the log has a negative duration.
func wantNoNegative(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		if strings.Contains(line, "=-") || strings.Contains(line, " -") {
			t.Errorf("the log has a negative duration: %s", line)
		}
	}
}

// TestClock_setBackDuringRetries: a clock that is set back by an hour during a call
// changes neither its waits nor makes them negative.
func TestClock_setBackDuringRetries(t *testing.T) {
	for _, when := range []string{"in the first attempt", "in a wait", "in a retry"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCorrectedClock()
				var j retrytest.Journal
				var w timings
				r := interceptor.New(interceptor.WithClock(c), interceptor.WithLogger(&j), w.option(t), interceptor.WithRand(retrytest.NoSpread),
					interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 3, Base: 4 * time.Second, Max: 4 * time.Second, Multiplier: 1}))
				calls := 0
				done := make(chan error, 1)
				go func() {
					done <- r.Do(t.Context(), "f", func(context.Context) error {
						calls++
						if (calls == 1 && when == "in the first attempt") || (calls == 2 && when == "in a retry") {
							c.setBackAnHour()
						}
						return grpctest.ErrOverloaded
					})
				}()
				for i := range 20 {
					synctest.Wait()
					if i == 1 && when == "in a wait" {
						c.setBackAnHour()
					}
					c.Advance(time.Second)
				}
				synctest.Wait()
				if err := <-done; err == nil || calls != 4 || w.calls != 1 {
					t.Errorf("got %v after %d attempts, and %d events of the end, want a failure after 4, and one", err, calls, w.calls)
				}
				wantNoNegative(t, j.With(""))
			})
		})
	}
}

// TestClock_setBackAndTheLog: after the clock was set back by an hour the log goes on with
// the next second, and what was left out is told.
func TestClock_setBackAndTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, before := range []int{1, 2, 3} { // so many lines: within the limit, at it, past it
			c := newCorrectedClock()
			var d retrytest.Journal
			r := interceptor.New(interceptor.WithClock(c), interceptor.WithLogger(&d), interceptor.WithLogLimit(2))
			fail := func() {
				_ = r.Do(t.Context(), "f", down, interceptor.MaxRetries(0))
			}
			for range before {
				fail()
			}
			c.setBackAnHour()
			for range 3 {
				fail()
			}
			c.Advance(1100 * time.Millisecond)
			synctest.Wait()
			if got := d.Take(); !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "lines left out") }) {
				t.Errorf("after %d lines: the second is over, and %q tell of no lines left out", before, got)
			}
			for range 2 {
				fail()
			}
			if got := d.Take(); len(got) != 2 {
				t.Errorf("after %d lines: got %q in the next second, want two lines", before, got)
			}
		}
	})
}

// down is a function that fails.
func down(context.Context) error { return grpctest.ErrOverloaded }

// TestClock_setBackAtTheGate: a gate that closes for ten seconds, or until a probe
// succeeds, opens within twice its time although the clock is set back by an hour meanwhile, and
// calls without a deadline leave.
func TestClock_setBackAtTheGate(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		most time.Duration
	}{
		"a hint":  {grpctest.Hinted(10 * time.Second), 23 * time.Second}, // nobody asks for the time meanwhile, and so 10 s may count twice
		"a probe": {nil, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCorrectedClock()
				var j retrytest.Journal
				var w timings
				var events gateEvents
				r := interceptor.New(interceptor.WithClock(c), interceptor.WithLogger(&j), w.option(t), interceptor.WithRand(retrytest.NoSpread),
					interceptor.WithGate(policy.FleetGate()), interceptor.WithGateObserver(events.observe))
				if tt.err != nil {
					_ = doing(t.Context(), r, func() error { return tt.err })
				} else {
					closeByTrouble(t.Context(), r, func() { c.Advance(time.Millisecond) })
				}
				if got := events.states(); len(got) != 1 || got[0] == gate.Open {
					t.Fatalf("told of %v, want a gate that is not open", got)
				}
				began := c.Fake.Now()
				var left time.Duration
				done := make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					done <- doing(ctx, r, func() error { left = c.Fake.Now().Sub(began); return nil })
				}()
				synctest.Wait()
				c.setBackAnHour()
				const step = 50 * time.Millisecond
				for i := time.Duration(0); i < 2*time.Hour && len(done) == 0; i += step {
					c.Advance(step)
					synctest.Wait()
				}
				if err := <-done; err != nil || left > tt.most {
					t.Errorf("the call left after %v, %v, want within %v", left, err, tt.most)
				}
				if got := events.states(); len(got) != 2 || got[1] != gate.Open {
					t.Errorf("told of %v, want that it is open again", got)
				}
				wantNoNegative(t, j.With("retry.elapsed"))
			})
		})
	}
}
