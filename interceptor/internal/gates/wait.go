package gates

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// Arrival is what a gate has to know of a call: see the fields of gate.Waiter.
type Arrival struct {
	Deadline, Due time.Time
	Size          int
	Again         bool
}

// present says it to the gate, and who is told of the verdict.
func (a Arrival) present(w *gate.Waiter, owner admitted) {
	w.Deadline, w.Due, w.Size, w.Again, w.Owner = a.Deadline, a.Due, a.Size, a.Again, owner
}

// Waiter is a call at a gate. It has no goroutine and no timer of its own.
type Waiter struct {
	waiter gate.Waiter
	k      *keyed
	ready  chan gate.Verdict // has room for one
}

// admit ends the wait.
func (w *Waiter) admit(_ time.Time, verdict gate.Verdict) { w.ready <- verdict } // there is room

// Ready returns the channel that delivers the verdict to a call that has to wait.
func (w *Waiter) Ready() <-chan gate.Verdict { return w.ready }

// Ticket returns the ticket of a call that has gone through.
func (w *Waiter) Ticket() gate.Ticket { return w.waiter.Ticket() }

// Key returns the key of the gate.
func (w *Waiter) Key() Key { return w.k.key }

// Arrive goes to the gate of a key, if there is one; w is the waiter of an earlier attempt
// of the call, or nil. It returns the waiter, or nil if there is no gate. Whoever has to
// wait and waits no longer calls [Gates.Leave].
func (g *Gates) Arrive(key Key, w *Waiter, a Arrival) (*Waiter, gate.Verdict) {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now()
	k := g.keys.find(key)
	if k == nil || k.Gate == nil {
		return nil, gate.Pass
	}
	if w == nil {
		w = &Waiter{ready: make(chan gate.Verdict, 1)}
	}
	w.k = k
	a.present(&w.waiter, w)
	verdict := k.Enter(now, &w.waiter)
	g.turn(k, now)
	if verdict == gate.Wait {
		select {
		case verdict = <-w.ready:
		default:
		}
	}
	return w, verdict
}

// Leave gives the place of a call back that makes no attempt. verdict is the last one that
// it knows of.
func (g *Gates) Leave(w *Waiter, verdict gate.Verdict) {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	k, now := w.k, g.Clock.Now()
	if verdict == gate.Wait {
		select {
		case verdict = <-w.ready: // it has just been its turn
		default:
			k.Leave(&w.waiter)
		}
	}
	if k.Gate == nil { // it was dropped since
		return
	}
	if verdict == gate.Pass {
		k.Done(now, w.waiter.Ticket(), codes.Failure{Class: codes.Ended}, 0)
	}
	g.turn(k, now)
}

// Reason is why a call was not let through.
type Reason struct {
	Failure codes.Failure // that has closed the gate last,
	Err     error         // with this error
	Closed  bool          // the gate is closed until a time that the server has named
	Left    time.Duration // until the turn of the call
}

// Reason returns why a call was not let through.
func (g *Gates) Reason(w *Waiter) Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := w.k
	r := Reason{Failure: k.failure, Err: k.err}
	if k.Gate != nil {
		now := g.Clock.Now()
		r.Closed, r.Left = k.State(now) == gate.Closed, k.Left(now)
	}
	return r
}
