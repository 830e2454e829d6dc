package gate_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestGate_allocatesNothing: a call that comes, waits, leaves and is answered
// costs no memory but its own.
func TestGate_allocatesNothing(t *testing.T) {
	now := at(0)
	g := closedFor(time.Second, now)
	waiters := make([]gate.Waiter, 3)
	got := testing.AllocsPerRun(1000, func() {
		for i := range waiters {
			g.Enter(now, &waiters[i])
		}
		g.Leave(&waiters[1])
		for g.Waiting() > 0 {
			now = g.Next(now)
			if w, _ := g.Admit(now); w != nil {
				g.Done(now, w.Ticket(), codes.Failure{}, 0)
			}
		}
		now = now.Add(10 * time.Minute)
		g.Enter(now, &waiters[0])
		g.Done(now.Add(1), waiters[0].Ticket(), refusal(time.Second), 0)
	})
	if got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
