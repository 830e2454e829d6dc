package interceptor

import (
	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// waiter is a call at a gate. It has no goroutine and no timer of its own.
type waiter struct {
	gate.Waiter
	ready chan gate.Verdict // has room for one
}

// enter waits until the call may make an attempt: at the gate, if there is one,
// and then for the breaker. It returns the final error if it may not.
func (c *call) enter() error {
	c.ticket = gate.Ticket{}
	if c.r.gates.there() {
		if final := c.waitAtGate(); final != nil {
			return final
		}
	}
	if c.r.breaker != nil {
		return c.askBreaker()
	}
	return nil
}

// waitAtGate waits for the call's turn. It is kept out of the frames of calls that
// do not.
//
//go:noinline
func (c *call) waitAtGate() error {
	if c.resolve(); c.knobs.disabled {
		return nil
	}
	k, verdict := c.arrive()
	if k == nil {
		return nil
	}
	if verdict == gate.Wait {
		began := c.r.clock.Now()
		verdict = c.park()
		took := c.r.clock.Now().Sub(began)
		c.gated += took
		c.waited += took
	}
	if err := c.ctx.Err(); err != nil {
		return c.leave(k, verdict, err)
	}
	if verdict == gate.Refuse {
		return c.turnedAway(k)
	}
	c.ticket = c.waiter.Ticket()
	return nil
}

// arrive goes to the gate of the call, if there is one.
//
//go:noinline
func (c *call) arrive() (*keyedGate, gate.Verdict) {
	g := &c.r.gates
	key, now := c.gateKey(), c.r.clock.Now()
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.byKey[key]
	if k == nil {
		return nil, gate.Pass
	}
	if c.waiter == nil {
		c.waiter = &waiter{ready: make(chan gate.Verdict, 1)}
		c.waiter.Owner = c.waiter
	}
	c.waiter.Deadline, _ = c.ctx.Deadline()
	c.waiter.Again = len(c.history) > 0
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

// park waits. Its frame is all that a waiting call adds to the stack.
//
//go:noinline
func (c *call) park() gate.Verdict {
	select {
	case verdict := <-c.waiter.ready:
		return verdict
	case <-c.ctx.Done():
		return gate.Wait
	}
}

// leave gives the place of the call back because its context has ended.
func (c *call) leave(k *keyedGate, verdict gate.Verdict, err error) error {
	func() {
		g := &c.r.gates
		now := g.r.clock.Now()
		defer g.announce()
		g.mu.Lock()
		defer g.mu.Unlock()
		if verdict == gate.Wait {
			select {
			case verdict = <-c.waiter.ready: // it has just been its turn
			default:
				k.Leave(&c.waiter.Waiter)
			}
		}
		if verdict == gate.Pass {
			k.Done(now, c.waiter.Ticket(), codes.Failure{Class: codes.Ended}, 0)
		}
		g.turn(k, now)
	}()
	c.barredBy(k)
	return c.cancelled(err)
}

// turnedAway ends the call because its turn cannot come before its deadline.
func (c *call) turnedAway(k *keyedGate) error {
	c.barredBy(k)
	c.giveBack()
	c.decision = policy.Decision{Why: policy.GateClosed, Class: c.failure.Class}
	final := c.newError(nil)
	c.ended(final)
	return final
}

// barredBy makes the failure that closed the gate that of a call that has made
// no attempt.
func (c *call) barredBy(k *keyedGate) {
	if len(c.history) > 0 {
		return
	}
	g := &c.r.gates
	g.mu.Lock()
	defer g.mu.Unlock()
	c.barred = true
	c.err, c.failure = k.err, k.failure
}

// giveBack gives the token for a retry back that does not begin.
func (c *call) giveBack() {
	if c.decision.Retry {
		c.r.budget.Return(c.decision.Pays)
	}
	if n := len(c.history); n > 0 {
		c.history[n-1].Wait = 0 // it was not waited out
	}
}

// answer tells the gate and the breaker how an attempt has ended: with f, or
// with success if it is zero.
func (c *call) answer(f codes.Failure, err error) {
	c.tellBreaker(f, err)
	if isHookError(err) { // which says nothing about the server
		f = codes.Failure{Class: codes.Ended}
	}
	c.answerGate(f, err)
}

// answerGate tells the gate how an attempt has ended.
func (c *call) answerGate(f codes.Failure, err error) {
	held := c.r.gates.done(c.gateKey, c.ticket, f, err)
	c.ticket = gate.Ticket{}
	c.held = held && c.racing == 0
	c.state.AtGate = c.held
}
