package gate_test

import (
	"context"
	"errors"
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

// doing calls a function named f through a Retrier, without retries.
func doing(ctx context.Context, r *interceptor.Retrier, f func() error) error {
	return r.Do(ctx, "f", func(context.Context) error { return f() }, interceptor.MaxRetries(0))
}

// closeByTrouble closes the gate of f by failures, one after the other, until a probe is
// to go. tick lets time pass.
func closeByTrouble(ctx context.Context, r *interceptor.Retrier, tick func()) {
	for range 10 {
		_ = doing(ctx, r, func() error { return nil })
	}
	for i := 0; i < 10 && r.Gates().Probing == 0; i++ {
		_ = doing(ctx, r, func() error { return grpctest.ErrOverloaded })
		tick()
	}
}

func aMillisecond() { time.Sleep(time.Millisecond) } // in a bubble

// closeByHint closes the gate of f for a minute, during which scouts go.
func closeByHint(ctx context.Context, r *interceptor.Retrier, _ func()) {
	_ = doing(ctx, r, func() error { return grpctest.Hinted(time.Minute) })
}

// TestGate_turnOfACancelledCall: the turn of a call comes after its context has ended and
// before it has left the queue. The turn is given back, and the next call leaves at once.
func TestGate_turnOfACancelledCall(t *testing.T) {
	for name, tt := range map[string]struct {
		shut  func(context.Context, *interceptor.Retrier, func())
		state gate.State
	}{
		"as a scout": {closeByHint, gate.Closed},
		"as a probe": {closeByTrouble, gate.Probing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &retrytest.InterruptedClock{Fake: clock.NewFake(time.Now())}
				var events gateEvents
				r := interceptor.New(interceptor.WithClock(c), interceptor.WithRand(retrytest.NoSpread),
					interceptor.WithGate(policy.FleetGate()), interceptor.WithGateObserver(events.observe))
				tt.shut(t.Context(), r, func() { c.Advance(time.Millisecond) })
				if got := events.states(); len(got) != 1 || got[0] != tt.state {
					t.Fatalf("told of %v, want %v", got, tt.state)
				}
				var left [5]atomic.Bool // as many calls that a scout is worth it
				var wg sync.WaitGroup
				defer wg.Wait()
				release := make(chan struct{})
				all, end := context.WithCancel(t.Context())
				defer end()
				ctx, cancel := context.WithCancel(all)
				defer cancel()
				var first error
				for i := range left {
					ctx := ctx
					if i > 0 {
						ctx = all
					}
					wg.Go(func() {
						err := doing(ctx, r, func() error {
							left[i].Store(true)
							<-release
							return nil
						})
						if i == 0 {
							first = err
						}
					})
					synctest.Wait()
				}
				next, err := c.Pending(t.Context())
				if err != nil || r.Gates().Waiting != len(left) {
					t.Fatalf("got %+v and %v, want five calls that wait", r.Gates(), err)
				}
				began := c.Fake.Now()
				turn := func() { c.Advance(next) }
				c.Next.Store(&turn)
				cancel()
				synctest.Wait()
				if c.Next.Load() != nil || c.Fake.Now().Sub(began) != next {
					t.Fatal("the turn did not come while the call was leaving")
				}
				if left[0].Load() || !errors.Is(first, context.Canceled) {
					t.Errorf("the cancelled call has left the gate (%v), or returned %v: want no attempt, and its context", left[0].Load(), first)
				}
				if !left[1].Load() || left[2].Load() {
					t.Errorf("of the next two calls, %v and %v have left, want the first alone", left[1].Load(), left[2].Load())
				}
				if n := r.Gates(); n.Waiting != 3 || n.Closed+n.Probing != 1 {
					t.Errorf("got %+v, want a gate that is not open, and three calls that wait", n)
				}
				close(release)
				synctest.Wait()
				for range 5 { // after trouble the calls are spaced
					c.Advance(time.Second)
					synctest.Wait()
				}
				if n := r.Gates(); !left[4].Load() || n.Waiting != 0 || n.Closed+n.Probing != 0 {
					t.Errorf("the last call has left: %v, and %+v, want that no gate is closed", left[4].Load(), n)
				}
			})
		})
	}
}

// TestGate_manyEndAtTheirTurn: the contexts of many calls end at the moment at which the
// gate would let a probe through. No place is lost, and a call that goes on is the probe.
func TestGate_manyEndAtTheirTurn(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var events gateEvents
			r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.WithGate(policy.FleetGate()), interceptor.WithGateObserver(events.observe))
			closeByTrouble(t.Context(), r, aMillisecond)
			turn := time.Until(events.all[0].Until)
			if n := r.Gates(); n.Probing != 1 || turn <= 0 {
				t.Fatalf("got %+v and %v, want a gate that will probe", n, turn)
			}
			began := time.Now()
			var wg sync.WaitGroup
			var probed time.Duration // when the first call left
			var mu sync.Mutex
			call := func(ctx context.Context) error {
				return doing(ctx, r, func() error {
					mu.Lock()
					defer mu.Unlock()
					if probed == 0 {
						probed = time.Since(began)
					}
					return nil
				})
			}
			for i := range 104 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ends := i < 100
				if ends {
					time.AfterFunc(turn, cancel)
				}
				wg.Go(func() {
					if err := call(ctx); err != nil && (!ends || !errors.Is(err, context.Canceled)) {
						t.Errorf("call %d, whose context ends: %v: %v", i, ends, err)
					}
				})
			}
			synctest.Wait()
			if n := r.Gates(); n.Waiting != 104 {
				t.Errorf("got %+v, want 104 calls that wait", n)
			}
			wg.Wait()
			if probed != turn {
				t.Errorf("the first call left after %v, want %v", probed, turn)
			}
			if took := time.Since(began); took > turn+5*time.Second {
				t.Errorf("the last call left after %v, want %v and a little", took, turn)
			}
			if n := r.Gates(); n.Waiting != 0 || n.Closed+n.Probing != 0 {
				t.Errorf("got %+v, want no closed gate, and nobody who waits", n)
			}
		})
	}
}

// TestGate_turnedAwayRetryIsNotPaid: a retry that the gate turns away, because it closed
// during the backoff, has its token given back.
func TestGate_turnedAwayRetryIsNotPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retrytest.Budget(t, 10, 0)
		var atEnd float64
		watch := interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if e.Decision.Why == policy.GateClosed {
				atEnd, _ = b.Held()
			}
		})
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.WithBudget(b), watch,
			interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 3, Base: time.Second, Max: time.Second, Multiplier: 1}))
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // no scout can save it
		defer cancel()
		calls := 0
		done := make(chan error, 1)
		go func() {
			done <- r.Do(ctx, "f", func(context.Context) error {
				calls++
				return grpctest.ErrOverloaded
			})
		}()
		synctest.Wait()
		if got, _ := r.Budget().Held(); got >= 10 {
			t.Fatalf("the budget holds %v tokens during the backoff, want less than 10", got)
		}
		closeByHint(t.Context(), r, nil)
		var err error
		if got := grpctest.Took(func() { err = <-done }); got <= 0 || got > time.Second {
			t.Errorf("the call ended after %v, want the backoff of up to 1s", got)
		}
		var final *interceptor.Error
		if !errors.As(err, &final) || final.Why != policy.GateClosed || len(final.Attempts) != 1 || calls != 1 {
			t.Fatalf("got %v after %d attempts, want the gate after one", err, calls)
		}
		if got := final.Attempts[0].Wait; got != 0 {
			t.Errorf("the attempt was followed by a wait of %v, want none: no attempt came after it", got)
		}
		retrytest.WantTokens(t, r.Budget(), 10)
		if atEnd != 10 {
			t.Errorf("the budget held %v tokens when the observer was told of the end, want 10", atEnd)
		}
		if n := r.Gates(); n.Waiting != 0 || n.Closed != 1 {
			t.Errorf("got %+v, want a closed gate at which nobody waits", n)
		}
	})
}

var errTripped = errors.New("tripped")

// switched is a breaker that refuses while it has refusals left.
type switched struct{ refusals, refused, told int }

func (s *switched) Allow() (func(error), error) {
	if s.refusals > 0 {
		s.refusals--
		s.refused++
		return nil, errTripped
	}
	return func(error) { s.told++ }, nil
}

// TestGate_probeThatTheBreakerRefuses: a call whose turn as a probe has come, and which
// the breaker refuses, gives its turn to the next call. The gate reopens at once.
func TestGate_probeThatTheBreakerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events gateEvents
		s := &switched{}
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.WithGate(policy.FleetGate()),
			interceptor.WithGateObserver(events.observe), interceptor.WithBreaker(s))
		closeByTrouble(t.Context(), r, aMillisecond)
		turn := time.Until(events.all[0].Until)
		if n := r.Gates(); n.Probing != 1 || turn <= 0 {
			t.Fatalf("got %+v and %v, want a gate that will probe", n, turn)
		}
		s.refusals = 2
		before := s.told
		calls := 0
		ended, errs := inParallel(4, func(int) error {
			return doing(t.Context(), r, func() error { calls++; return nil })
		})
		for i, err := range errs {
			if refused := i < 2; errors.Is(err, errTripped) != refused || (err != nil) != refused {
				t.Errorf("call %d: got %v, want that the breaker refuses the first two", i, err)
			}
		}
		for i, at := range ended[:3] {
			if !at.Equal(events.all[0].Until) {
				t.Errorf("call %d ended %v after the turn of the first, want at once", i, at.Sub(events.all[0].Until))
			}
		}
		if late := ended[3].Sub(events.all[0].Until); late > 5*time.Second {
			t.Errorf("the last call ended %v after the turn of the first, want a little", late)
		}
		if calls != 2 || s.refused != 2 || s.told != before+2 {
			t.Errorf("%d calls, %d refused, the breaker was told of %d: want 2, 2 and 2", calls, s.refused, s.told-before)
		}
		if got := events.states(); len(got) != 2 || got[1] != gate.Open {
			t.Errorf("told of %v, want that it probes and reopens", got)
		}
		if n := r.Gates(); n.Waiting != 0 || n.Probing != 0 {
			t.Errorf("got %+v, want nobody who waits", n)
		}
	})
}
