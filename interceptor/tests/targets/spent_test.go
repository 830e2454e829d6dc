package targets_test

import (
	"slices"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// TestTargets_spent: a quota of the day closes its model until midnight in Pacific time.
// Scouts alone go there meanwhile, and go on to the next model; the model is returned to
// at midnight.
func TestTargets_spent(t *testing.T) {
	h := &house{} // a bubble begins at midnight UTC, 8 h before midnight Pacific
	h.answers = map[string]func(int) error{"a": h.until(8*time.Hour, errPerDay)}
	run(t, h, func(p *program) {
		for now := time.Duration(0); now < 8*time.Hour; now += 5 * time.Second {
			p.want("b", 0)
			time.Sleep(5 * time.Second)
		}
		asked := h.asked("a")
		if n := len(asked); n < 95 || n > 160 { // a scout goes after 3/4 of the interval without spread
			t.Errorf("%d requests to the spent model in 8 h, want a scout in 4 to 5 min", n)
		}
		for i := 8; i < len(asked); i++ {
			if gap := asked[i] - asked[i-1]; gap < 3*time.Minute || gap > 5*time.Minute+5*time.Second {
				t.Errorf("%v between two scouts, want 3m45s to 5m5s", gap)
			}
		}
		p.want("a", 0)
		p.want("a", 0)
		if n := len(h.asked("b")); n != 8*720 {
			t.Errorf("b was asked %d times, want once for each call", n)
		}
		if e := p.events.Events[0]; e.Failure.Class != codes.Spent || !e.Decision.Move {
			t.Errorf("got %+v, want a move because of the spent quota", e)
		}
	})
}

// TestTargets_spentOpensEarly: an accepted scout opens a spent model for all.
func TestTargets_spentOpensEarly(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(time.Minute, errPerDay)}
	run(t, h, func(p *program) {
		var by []string
		for range 30 {
			model, _, err := p.call()
			if err != nil {
				t.Fatal(err)
			}
			by = append(by, model)
			time.Sleep(5 * time.Second)
		}
		back := slices.Index(by, "a")
		if back < 12 || back > 26 || slices.Contains(by[back:], "b") {
			t.Errorf("answered by %v, want b for a minute, and a for good after at most another", by)
		}
	})
}

// TestTargets_allSpent: where nothing is left, a call ends at once, unsent, with the class
// and the time.
func TestTargets_allSpent(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(errPerDay), "b": refusing(errPerDay), "c": refusing(errPerDay)}}
	run(t, h, func(p *program) {
		_, took, err := p.call()
		if f := interceptor.FailureOf(err); took != 0 || f.Class != codes.Spent {
			p.Errorf("got %v after %v, want all refused at once", err, took)
		}
		p.wantRequests("a1 b1 c1")
		_, took, err = p.call()
		after, _ := interceptor.RetryAfter(err)
		if f := interceptor.FailureOf(err); took != 0 || f.Class != codes.Spent || after != 8*time.Hour {
			p.Errorf("got %v after %v, come back in %v: want a call turned away for 8 h", err, took, after)
		}
		p.wantRequests("a1 b1 c1")
	})
}

// TestTargets_spentForAWhile: a quota that was said to be spent for the day, and is not, is
// back within a second for a call with nowhere else to go.
func TestTargets_spentForAWhile(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(20*time.Second, errPerDay), "b": refusing(errPerDay)}
	run(t, h, func(p *program) {
		for now := time.Duration(0); now < time.Minute; now += 250 * time.Millisecond {
			if model, took, err := p.call(); now > 21*time.Second && (model != "a" || err != nil || took != 0) {
				p.Errorf("after %v: got %q after %v, %v, want a", now, model, took, err)
			}
			time.Sleep(250 * time.Millisecond)
		}
		if n := len(h.asked("a")) + len(h.asked("b")); n > 160+50 {
			p.Errorf("%d requests, want some 2 a second while both are spent", n)
		}
	}, interceptor.WithTargets(to("b")))
}

// TestTargets_spentWithoutGate: without the gate every call asks again.
func TestTargets_spentWithoutGate(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(errPerDay)}}
	run(t, h, func(p *program) {
		for range 3 {
			p.want("b", 0)
		}
		p.wantRequests("a3 b3 c0")
	}, interceptor.WithoutGate())
}

// TestTargets_spentForSome: a quota spent for one kind of request alone, at all targets, turns
// the other requests away until the first of them is let through as a scout, and no longer.
func TestTargets_spentForSome(t *testing.T) {
	special := false
	spent := func(int) error {
		if special {
			return errPerDay
		}
		return nil
	}
	run(t, &house{answers: map[string]func(int) error{"a": spent, "b": spent}}, func(p *program) {
		for i := range 600 {
			special = i%5 == 0
			if _, _, err := p.call(); err != nil && !special && i > 60 {
				p.Errorf("call %d: %v", i, err)
			}
			time.Sleep(time.Second)
		}
	}, interceptor.WithTargets(to("b")))
}
