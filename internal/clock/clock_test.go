package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/internal/clock"
)

func TestSleep_system(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := clock.Sleep(t.Context(), clock.System(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begin); got != time.Minute {
			t.Errorf("slept %v, want 1m", got)
		}
		if err := clock.Sleep(t.Context(), clock.System(), -1); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("a wait of less than nothing took until %v, %v", time.Since(begin), err)
		}
	})
}

func TestSleep_endsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]clock.Clock{"system": clock.System(), "fake": clock.NewFake(time.Now())} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begin := time.Now()
			err := clock.Sleep(ctx, c, time.Hour)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
				t.Errorf("%s: got %v after %v, want deadline exceeded after 1s", name, err, time.Since(begin))
			}
			if err := clock.Sleep(ctx, c, 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v for a context that is done, want its error", name, err)
			}
			cancel()
		}
	})
}

// TestSleep_atTheDeadline: where the wait and the context end together, the
// context's end counts, so that no attempt begins at the deadline.
func TestSleep_atTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := clock.Sleep(ctx, clock.System(), time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, want deadline exceeded", err)
			}
			cancel()
		}
	})
}

func TestSleepUnless_wakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]clock.Clock{"system": clock.System(), "fake": clock.NewFake(time.Now())} {
			begin, woken := time.Now(), make(chan struct{})
			time.AfterFunc(time.Second, func() { close(woken) })
			early, err := clock.SleepUnless(t.Context(), c, time.Hour, woken)
			if !early || err != nil || time.Since(begin) != time.Second {
				t.Errorf("%s: got %t, %v after %v, want woken after 1s", name, early, err, time.Since(begin))
			}
		}
	})
}

func TestSleep_fake(t *testing.T) {
	fake := clock.NewFake(time.Unix(0, 0))
	done := make(chan error)
	go func() { done <- clock.Sleep(t.Context(), fake, 3*time.Second) }()
	if first, err := fake.Pending(t.Context()); err != nil || first != 3*time.Second {
		t.Fatalf("pending %v, %v, want 3s", first, err)
	}
	fake.Advance(2999 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("woke up early: %v", err)
	default:
	}
	fake.Advance(time.Millisecond)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestFake_firesInOrderOfTime(t *testing.T) {
	fake, begin := clock.NewFake(time.Unix(0, 0)), time.Unix(0, 0)
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, name+" at "+fake.Now().Sub(begin).String()) }
	}
	fake.AfterFunc(3*time.Second, note("third"))
	fake.AfterFunc(time.Second, func() {
		note("first")()
		fake.AfterFunc(time.Second, note("second"))
	})
	stop := fake.AfterFunc(2*time.Second, note("stopped"))
	late := fake.AfterFunc(time.Hour, note("late"))
	if !stop() || stop() {
		t.Error("stop: want true, then false")
	}
	fake.Advance(10 * time.Second)
	want := []string{"first at 1s", "second at 2s", "third at 3s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
	if got := fake.Now().Sub(begin); got != 10*time.Second {
		t.Errorf("the clock shows %v, want 10s", got)
	}
	if !late() {
		t.Error("the timer of an hour has fired")
	}
}

func TestFake_pendingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := clock.NewFake(time.Unix(0, 0)).Pending(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
