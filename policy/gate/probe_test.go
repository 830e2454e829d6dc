package gate_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// inTrouble returns a gate that probes since now, with these figures.
func inTrouble(t *testing.T, c policy.GateConfig, now time.Time) *gate.Gate {
	t.Helper()
	g := gate.New(c, now, well(now), &gate.Memory{})
	for n := range 3 {
		var w gate.Waiter
		at := now.Add(time.Duration(n-3) * time.Millisecond)
		g.Enter(at, &w)
		g.Done(at.Add(time.Millisecond/2), w.Ticket(), overload(), 0.99)
	}
	if g.State(now) != gate.Probing {
		t.Fatalf("it is %v, want probing", g.State(now))
	}
	return g
}

// TestGate_probeWithTimeLeft: after a probe that ended without an answer, the next one is a
// call with time for an answer, not the first in the queue, which has none.
func TestGate_probeWithTimeLeft(t *testing.T) {
	now := at(1000)
	g := inTrouble(t, policy.FleetGate(), now)
	now = g.Until()
	enter := func(now time.Time) (*gate.Waiter, gate.Verdict) {
		w := &gate.Waiter{Deadline: now.Add(5 * time.Second)}
		return w, g.Enter(now, w)
	}
	probe, got := enter(now)
	if got != gate.Pass {
		t.Fatalf("the probe: %v, want pass", got)
	}
	late, _ := enter(now.Add(100 * time.Millisecond)) // has little left when the probe ends
	now = now.Add(5 * time.Second)
	g.Done(now, probe.Ticket(), codes.Failure{Class: codes.Ended}, 0.5)
	if passed := admitted(g, now); passed != 0 {
		t.Error("a call with 0.1 s left is a probe, though 5 s were not enough")
	}
	if next := g.Next(now); !next.IsZero() && !next.After(now) {
		t.Errorf("Next is %v from now, want later: nobody can be a probe", next.Sub(now))
	}
	fresh, got := enter(now)
	if w, verdict := g.Admit(now); got == gate.Wait && (w != fresh || verdict != gate.Pass) {
		t.Errorf("%v, %v was admitted, want the call with the time", w, verdict)
	}
	g.Leave(late)
	now = now.Add(time.Second)
	g.Done(now, fresh.Ticket(), codes.Failure{}, 0.5)
	if g.State(now) != gate.Open {
		t.Errorf("it is %v after a success, want open", g.State(now))
	}
}

// TestGate_tooLateForTheProbe: a call that cannot wait for the next probe is the probe, if it
// was never sent, nobody waits, and no probe is under way.
func TestGate_tooLateForTheProbe(t *testing.T) {
	c := policy.FleetGate()
	c.ProbeBase, c.ProbeMax = 20*time.Second, 30*time.Second
	for _, tt := range []struct {
		name     string
		deadline time.Duration
		again    bool
		want     gate.Verdict
	}{
		{"no time", 5 * time.Second, false, gate.Pass},
		{"time", time.Minute, false, gate.Wait},
		{"no deadline", 0, false, gate.Wait},
		{"made an attempt before", 5 * time.Second, true, gate.Refuse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := at(1000)
			g := inTrouble(t, c, now)
			w := gate.Waiter{Again: tt.again}
			if tt.deadline > 0 {
				w.Deadline = now.Add(tt.deadline)
			}
			if got := g.Enter(now, &w); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if tt.want != gate.Pass {
				return
			}
			other := gate.Waiter{Deadline: now.Add(tt.deadline)}
			if got := g.Enter(now, &other); got != gate.Refuse {
				t.Errorf("beside a probe: got %v, want refuse", got)
			}
		})
	}
	t.Run("a time named by the server", func(t *testing.T) {
		now := at(1000)
		g := gate.New(c, now, well(now), &gate.Memory{})
		for n := 0; n < 100 && g.State(now) == gate.Open; n++ {
			var w gate.Waiter
			g.Enter(now, &w)
			now = now.Add(time.Millisecond)
			g.Done(now, w.Ticket(), refusal(2*time.Minute), 0)
		}
		named := now.Add(2 * time.Minute)
		for g.State(now) == gate.Closed && now.Before(named) { // scouts find a server in trouble
			scout := &gate.Waiter{Deadline: now.Add(time.Minute)}
			g.Enter(now, scout)
			for scout.Ticket().Sent().IsZero() && now.Before(named) {
				now = g.Next(now)
				admitted(g, now)
			}
			g.Done(now, scout.Ticket(), overload(), 0)
		}
		if g.State(now) != gate.Probing || !now.Before(named) {
			t.Fatalf("it is %v, want probing before the time that was named", g.State(now))
		}
		w := gate.Waiter{Deadline: now.Add(5 * time.Second)}
		if got := g.Enter(now, &w); got != gate.Refuse {
			t.Error("a call went before the time that the server has named")
		}
	})
}

// TestGate_afterTrouble: calls come back slowly, but a call never sent is not turned away for
// that: it leaves at once if its turn comes too late, else at its last moment.
func TestGate_afterTrouble(t *testing.T) {
	now := at(1000)
	g := inTrouble(t, policy.FleetGate(), now)
	now = g.Until()
	var probe gate.Waiter
	g.Enter(now, &probe)
	now = now.Add(time.Second)
	g.Done(now, probe.Ticket(), codes.Failure{}, 0.5)
	if g.State(now) != gate.Open || g.Pace(now) > 2 {
		t.Fatalf("it is %v at %v a second, want open at the pace of before", g.State(now), g.Pace(now))
	}
	var taken [2]gate.Waiter // what may be under way
	for i := range taken {
		g.Enter(now, &taken[i])
	}
	admitted(g, now.Add(2*time.Second))
	now = now.Add(2 * time.Second)
	patient := gate.Waiter{Deadline: now.Add(20 * time.Second)}
	if got := g.Enter(now, &patient); got != gate.Wait {
		t.Fatalf("got %v, want wait", got)
	}
	turn := g.Left(now, nil)
	for range 5 {
		hasty := gate.Waiter{Deadline: now.Add(100 * time.Millisecond)}
		if got := g.Enter(now, &hasty); got != gate.Pass {
			t.Errorf("a call that cannot wait: got %v, want pass", got)
		}
	}
	if got := g.Left(now, nil); got != turn {
		t.Errorf("calls beside the pace have moved the next turn from %v to %v", turn, got)
	}
	again := gate.Waiter{Deadline: now.Add(100 * time.Millisecond), Again: true}
	if got := g.Enter(now, &again); got != gate.Refuse {
		t.Errorf("a retry that cannot wait: got %v, want refuse", got)
	}
	last := patient.Deadline.Add(-3 * time.Second) // 3 times the latency of the probe
	for now.Before(last) && g.Waiting() > 0 {
		next := g.Next(now)
		if next.IsZero() || !next.After(now) {
			t.Fatalf("Next is %v from now with a call waiting", next.Sub(now))
		}
		now = next
		admitted(g, now)
	}
	if g.Waiting() > 0 || patient.Ticket().Sent().IsZero() {
		t.Error("the call that could wait still waits at its last moment")
	}
}
