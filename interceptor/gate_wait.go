package interceptor

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// waiter is a call at a gate. It has no goroutine and no timer of its own.
type waiter struct {
	gate.Waiter
	ready chan gate.Verdict // has room for one
}

// admit ends the wait.
func (w *waiter) admit(_ time.Time, verdict gate.Verdict) { w.ready <- verdict } // there is room

// enter waits until the call may make an attempt: at the gate, if there is one,
// and then for the breaker. It returns the final error if it may not.
func (c *call) enter() error {
	if c.r.gates.there() {
		if final := c.waitAtGate(); final != nil {
			return final
		}
	}
	return c.askBreaker()
}

// tryEnter is enter for an attempt that others run beside: it reports false where the
// attempt would have to wait, or may not be made.
func (c *call) tryEnter() bool {
	if c.r.gates.there() && !c.r.gates.dry {
		k, verdict := c.arrive()
		switch {
		case k == nil:
		case verdict != gate.Pass:
			c.leave(k, verdict)
			return false
		default:
			c.hold().pass(k.key, c.waiter.Ticket())
		}
	}
	return c.allowed() == nil
}

// waitAtGate waits for the call's turn. It is kept out of the frames of calls that
// do not.
//
//go:noinline
func (c *call) waitAtGate() error {
	if c.resolve(); c.knobs.disabled {
		return nil
	}
	if c.r.gates.dry {
		c.pass()
		return nil
	}
	k, verdict := c.arrive()
	if k == nil {
		return nil
	}
	var gone bool // the connection has
	if verdict == gate.Wait {
		began := c.r.clock.Now()
		verdict, gone = c.wait()
		took := c.r.clock.Now().Sub(began)
		c.gated += took
		c.waited += took
		c.logGated(k, took)
	}
	err := c.ctx.Err()
	if err == nil && gone {
		err = errClosed()
	}
	switch {
	case err != nil:
		c.leave(k, verdict)
		c.barredBy(k)
		return c.cancelled(err)
	case verdict == gate.Refuse:
		return c.turnedAway(k)
	}
	c.hold().pass(k.key, c.waiter.Ticket())
	return nil
}

// arrive goes to the gate of the call, if there is one.
//
//go:noinline
func (c *call) arrive() (*keyed, gate.Verdict) {
	g := &c.r.gates
	key, size := c.gateKey(), c.size()
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.r.clock.Now()
	k := g.keys.find(key)
	if k == nil || k.Gate == nil {
		return nil, gate.Pass
	}
	if c.waiter == nil {
		c.waiter = &waiter{ready: make(chan gate.Verdict, 1)}
		c.waiter.Owner = c.waiter
	}
	c.present(&c.waiter.Waiter, size)
	verdict := k.Enter(now, &c.waiter.Waiter)
	g.turn(k, now)
	if verdict == gate.Wait {
		select {
		case verdict = <-c.waiter.ready:
		default:
		}
	}
	return k, verdict
}

// present says what the gate has to know of the call.
func (c *call) present(w *gate.Waiter, size int) {
	w.Deadline, _ = c.ctx.Deadline()
	w.Due, w.Size = c.due, size
	w.Again = len(c.history) > 0 || c.state.Attempts > 1 || c.resumed || c.fellBack || c.racing > 0
}

// size returns how large the request is, in bytes, as far as that is known; 0 if it is
// not.
func (c *call) size() int {
	if m, ok := c.request.(proto.Message); ok {
		return proto.Size(m)
	}
	return c.sent
}

// wait waits for a verdict, the end of the context or that of the connection.
func (c *call) wait() (verdict gate.Verdict, gone bool) {
	closed := c.r.conns.Begin(c.cc)
	defer c.r.conns.End(c.cc)
	return c.park(closed)
}

// park waits. Its frame is all that a waiting call adds to the stack.
//
//go:noinline
func (c *call) park(closed <-chan struct{}) (verdict gate.Verdict, gone bool) {
	select {
	case verdict := <-c.waiter.ready:
		return verdict, false
	case <-c.ctx.Done():
		return gate.Wait, false
	case <-closed:
		return gate.Wait, true
	}
}

// leave gives the place of the call back.
func (c *call) leave(k *keyed, verdict gate.Verdict) {
	g := &c.r.gates
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.r.clock.Now()
	if verdict == gate.Wait {
		select {
		case verdict = <-c.waiter.ready: // it has just been its turn
		default:
			k.Leave(&c.waiter.Waiter)
		}
	}
	if k.Gate == nil { // it was dropped since
		return
	}
	if verdict == gate.Pass {
		k.Done(now, c.waiter.Ticket(), codes.Failure{Class: codes.Ended}, 0)
	}
	g.turn(k, now)
}

// awaited reports whether the gate or the breaker waits for how the attempt ends.
func (c *call) awaited() bool {
	return c.place != nil || c.shade != nil
}

// answer gives the place of an attempt back: it tells the gate and the breaker that
// the attempt has ended with f, or with success if it is zero. Also an attempt that
// held nothing, or no longer, tells the gate.
func (c *call) answer(f codes.Failure, err error) {
	p := c.place
	c.place = nil
	if !p.claim() {
		p = &c.r.none
	}
	p.tellBreaker(f, err)
	if hook.Failed(err) { // which says nothing about the server
		f = codes.Failure{Class: codes.Ended}
	}
	if c.shade != nil && c.shade.answer(f, err) {
		return
	}
	c.answerGate(p.ticket, f, err)
}

// answerGate tells the gate how an attempt has ended that had a ticket.
func (c *call) answerGate(t gate.Ticket, f codes.Failure, err error) {
	a := c.r.gates.done(c.gateKey, func() gate.Ticket { return c.ticketOr(t) }, f, err)
	if c.r.gates.dry {
		return
	}
	if t.Scout() && f.Class == codes.Quota && c.racing == 0 {
		c.state.Scouted()
	}
	c.held = a.held && c.racing == 0
	c.state.AtGate = c.held
	c.due, c.opens = time.Time{}, a.till
	if c.held && f.Delay > 0 {
		c.due = c.r.clock.Now().Add(f.Delay)
	}
}

// ticketOr returns a ticket, or that of an attempt that had none.
func (c *call) ticketOr(t gate.Ticket) gate.Ticket {
	if t.Sent().IsZero() {
		return gate.Ungated(c.size())
	}
	return t
}
