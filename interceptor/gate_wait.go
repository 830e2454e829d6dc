package interceptor

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// enter waits until the call may make an attempt: first at the gate, if there is a gate,
// and then for the breaker. It returns the final error if no attempt may be made.
func (c *call) enter() error {
	if c.route != nil || c.r.gates.There() || c.r.gates.Spending() {
		if final := c.waitAtGate(); final != nil {
			return final
		}
	}
	return c.askBreaker()
}

// tryEnter is enter for an attempt concurrent with others. It reports false if the attempt
// would have to wait, or may not be made.
func (c *call) tryEnter() bool {
	if c.r.gates.There() && !c.r.gates.Dry {
		there, verdict := c.arrive()
		switch {
		case !there:
		case verdict != gate.Pass:
			c.r.gates.Leave(c.waiter, verdict)
			return false
		default:
			c.hold().pass(c.waiter.Key(), c.waiter.Ticket())
		}
	}
	return c.allowed() == nil
}

// waitAtGate waits for the call's turn. Without inlining, calls that do not wait have
// smaller stack frames.
//
//go:noinline
func (c *call) waitAtGate() error {
	if c.resolve(); c.knobs.disabled {
		return nil
	}
	if rt := c.routed(); rt != nil {
		if final := c.choose(rt); final != nil || !c.r.gates.Dry {
			return final
		}
	}
	if c.r.gates.Dry {
		c.pass()
		return nil
	}
	if there, verdict := c.arrive(); there {
		return c.await(verdict)
	}
	return nil
}

// await waits for the turn of a call that has arrived at its gate with this verdict.
func (c *call) await(verdict gate.Verdict) error {
	if verdict != gate.Pass && c.knobs.fallback != nil {
		why := c.r.gates.Reason(c.waiter)
		if done, final := c.insteadOfWaiting(verdict, why, c.turnedBy(why)); done {
			return final
		}
	}
	var gone bool // the connection has closed
	if verdict == gate.Wait {
		began := c.r.clock.Now()
		verdict, gone = c.wait()
		took := c.r.clock.Now().Sub(began)
		c.gated += took
		c.waited += took
		c.logGated(took)
	}
	err := c.ctx.Err()
	if err == nil && gone {
		err = errClosed()
	}
	switch {
	case err != nil:
		return c.leaveGate(verdict, err)
	case verdict == gate.Refuse:
		return c.turnedAway()
	}
	c.hold().pass(c.waiter.Key(), c.waiter.Ticket())
	return nil
}

// pass begins an attempt of a dry run.
//
//go:noinline
func (c *call) pass() {
	key := c.gateKey()
	attempt := gates.Attempt{Method: c.method, Function: c.kind == function, Number: c.state.Earlier + c.state.Attempts + 1}
	shade, ticket := c.r.gates.Pass(c.shade, key, c.arrival(), attempt)
	c.shade = shade
	switch {
	case shade != nil:
		c.hold().shade = shade
	case !ticket.Sent().IsZero():
		c.hold().pass(key, ticket)
	}
}

// closeShade closes the shade of the call, if any.
func (c *call) closeShade() {
	if c.shade != nil {
		c.shade.Close()
	}
}

// leaveGate ends the call with err, before its turn. Without inlining, the failure that
// closed the gate does not take stack space in every waiting call.
//
//go:noinline
func (c *call) leaveGate(verdict gate.Verdict, err error) error {
	c.r.gates.Leave(c.waiter, verdict)
	c.barredBy(c.r.gates.Reason(c.waiter))
	return c.cancelled(err)
}

// arrive takes the call to its gate, and reports whether there is a gate.
//
//go:noinline
func (c *call) arrive() (there bool, verdict gate.Verdict) {
	w, verdict := c.r.gates.Arrive(c.gateKey(), c.waiter, c.arrival())
	if w == nil {
		return false, verdict
	}
	c.waiter = w
	return true, verdict
}

// arrival describes the call to the gate.
func (c *call) arrival() gates.Arrival {
	deadline, _ := c.ctx.Deadline()
	a := gates.Arrival{
		Deadline: deadline, Due: c.due,
		Priority: c.knobs.Priority,
		Told:     c.r.gating.tells(),
		Again:    c.again(),
	}
	if c.r.gates.Limiting() || c.r.gating.cost != nil {
		var known bool
		a.Cost, known = c.cost()
		a.Usual = !known
	}
	a.Size = c.size(a.Cost)
	return a
}

// again reports whether the call comes back to the gate: whether an attempt has failed there.
func (c *call) again() bool {
	if c.route != nil {
		return c.route.stops[c.route.at].tried
	}
	return len(c.history) > 0 || c.state.Attempts > 1 || c.resumed || c.fellBack || c.racing > 0
}

// wait waits for a verdict, the end of the context or the end of the connection.
func (c *call) wait() (verdict gate.Verdict, gone bool) {
	closed := c.r.conns.Begin(c.cc)
	defer c.r.conns.End(c.cc)
	return c.park(closed)
}

// park waits in a small frame, because every waiting call keeps the frame on its stack.
//
//go:noinline
func (c *call) park(closed <-chan struct{}) (verdict gate.Verdict, gone bool) {
	select {
	case verdict := <-c.waiter.Ready():
		return verdict, false
	case <-c.ctx.Done():
		return gate.Wait, false
	case <-closed:
		return gate.Wait, true
	}
}

// awaited reports whether the gate or the breaker waits for the end of the attempt.
func (c *call) awaited() bool {
	return c.place != nil || c.shade != nil
}

// giveBack gives back the place of an attempt: it tells the gate and the breaker that the
// attempt ended with f, zero for a success. The gate is told even if the attempt held no
// place, or has lost the place.
func (c *call) giveBack(f codes.Failure, err error) {
	p := c.place
	c.place = nil
	if !p.claim() {
		p = &c.r.none
	}
	p.tellBreaker(f, err)
	c.tellSpent(p, f, err)
	if hook.Failed(err) { // a failed hook says nothing about the server
		f = codes.Failure{Class: codes.Ended}
	}
	if c.shade != nil && c.shade.Answer(f, err) {
		return
	}
	c.tellGate(p.ticket, f, err)
}

// tellSpent notes for the calls that can go elsewhere that a quota is spent, or has
// accepted a scout.
func (c *call) tellSpent(p *place, f codes.Failure, err error) {
	switch {
	case len(c.knobs.targets) == 0 || !c.travels():
	case f.Class == codes.Spent:
		c.r.gates.Spend(c.gateKey(), p.scouts, f, err)
	case f.Class == codes.None && p.spent != nil:
		c.r.gates.Refill(*p.spent)
	}
}

// tellGate tells the gate how an attempt with ticket t ended.
func (c *call) tellGate(t gate.Ticket, f codes.Failure, err error) {
	var opens time.Duration
	var held bool
	if c.r.gates.Concern(f) {
		opens, held = c.r.gates.Done(c.gateKey(), c.ticketOr(t), f, err)
	}
	if c.r.gates.Dry {
		return
	}
	if t.Scout() && f.Class == codes.Quota && c.racing == 0 {
		c.state.Scouted()
	}
	c.state.AtGate = held && c.racing == 0
	c.due, c.opens = time.Time{}, opens
	if c.state.AtGate && f.Delay > 0 {
		c.due = c.r.clock.Now().Add(f.Delay)
	}
}

// ticketOr returns t, or the ticket of a call without a gate if t is zero.
func (c *call) ticketOr(t gate.Ticket) gate.Ticket {
	if t.Sent().IsZero() {
		cost, _ := c.cost()
		return gate.Ungated(c.size(cost), c.r.gating.tells())
	}
	return t
}
