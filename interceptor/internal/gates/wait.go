package gates

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// Arrival describes a call to the gate: see the fields of gate.Waiter.
type Arrival struct {
	Deadline, Due time.Time
	Size          int
	Cost          policy.Cost
	Priority      policy.Priority
	Told, Usual   bool
	Again         bool
}

// present copies the arrival to w. owner receives the verdict.
func (a Arrival) present(w *gate.Waiter, owner admitted) {
	w.Deadline, w.Due, w.Size, w.Cost, w.Priority, w.Told, w.Usual, w.Again, w.Owner = a.Deadline, a.Due, a.Size, a.Cost, a.Priority, a.Told, a.Usual, a.Again, owner
}

// Waiter is a call at a gate, without a goroutine or a timer of its own.
type Waiter struct {
	waiter gate.Waiter
	k      *keyed
	ready  chan gate.Verdict // buffers one verdict
}

// admit ends the wait.
func (w *Waiter) admit(_ time.Time, verdict gate.Verdict) { w.ready <- verdict } // the buffer has room

// Ready returns the channel that delivers the verdict to a waiting call.
func (w *Waiter) Ready() <-chan gate.Verdict { return w.ready }

// Ticket returns the ticket of a call that has gone through.
func (w *Waiter) Ticket() gate.Ticket { return w.waiter.Ticket() }

// Key returns the key of the gate.
func (w *Waiter) Key() Key { return w.k.key }

// Arrive takes a call to the gate of a key, if there is a gate. w is the waiter of an
// earlier attempt of the call, or nil. Arrive returns the waiter, or nil if there is no
// gate. A call that stops waiting before the verdict calls [Gates.Leave].
func (g *Gates) Arrive(key Key, w *Waiter, a Arrival) (*Waiter, gate.Verdict) {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now()
	k := g.at(key, now)
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

// Leave gives back the place of a call that makes no attempt. verdict is the last verdict
// known to the call.
func (g *Gates) Leave(w *Waiter, verdict gate.Verdict) {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	k, now := w.k, g.Clock.Now()
	if verdict == gate.Wait {
		select {
		case verdict = <-w.ready: // the turn has just come
		default:
			k.Leave(&w.waiter)
		}
	}
	if k.Gate == nil { // dropped since
		return
	}
	if verdict == gate.Pass {
		k.Done(now, w.waiter.Ticket(), codes.Failure{Class: codes.Ended, Reach: codes.Unsent}, 0)
	}
	g.turn(k, now)
}

// Reason explains why a call was not let through.
type Reason struct {
	Failure codes.Failure // last failure that concerned the gate, or that of the limit,
	Err     error         // with this error, never nil
	Closed  bool          // the gate is closed until a time named by the server
	Left    time.Duration // until the turn of the call
	Limit   policy.Quota  // the known limit that the call has to wait for; zero for none
}

// Reason returns why a call was not let through.
func (g *Gates) Reason(w *Waiter) Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := w.k
	r := Reason{Failure: k.failure, Err: k.err}
	if k.Gate != nil {
		now := g.Clock.Now()
		r.Closed, r.Left = k.State(now) == gate.Closed, k.Left(now, &w.waiter)
		r.Limit = k.Short(now, &w.waiter)
	}
	switch {
	case r.Limit != policy.Quota{}:
		r.Failure, r.Err = known("the limit is known: " + r.Limit.String())
	case r.Err == nil: // behind calls that wait for a limit
		r.Failure, r.Err = known("other calls of this quota wait")
	}
	return r
}

// known returns the failure of a call that a known limit holds up, and its error.
func known(text string) (codes.Failure, error) {
	return codes.Failure{Class: codes.Quota, Reach: codes.Unsent, Code: grpccodes.ResourceExhausted}, status.Error(grpccodes.ResourceExhausted, text)
}
