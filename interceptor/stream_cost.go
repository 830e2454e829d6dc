package interceptor

import (
	"cmp"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// The first message of a stream tells the cost, and the attempt begins before. So the attempt is
// let through for the usual cost. A message above the usual cost waits at the gate until there is
// room.

// costs reports whether the cost of the stream counts, for a limit or the caller.
func (p *pending) costs(held *place) bool {
	return p.target.r.gating.cost != nil || held.counts()
}

// count counts the cost of the first message before the message is sent, and waits until there
// is room. Without a turn before the deadline the stream ends, and count returns the end.
func (p *pending) count(to *sending, cost policy.Cost) *terminal {
	held, n := to.held, to.n
	if !p.tooMuch(held, cost) {
		return nil
	}
	c := &call{target: p.target, takes: &cost} // of its own, because a retry may begin meanwhile
	waited, turnedAway := held.rejoin(c)
	if turnedAway {
		end, ended := p.turnAway(n, c.waiter)
		if ended {
			return end
		}
		held.owe(c.waiter)
	}
	p.lock()
	defer p.mu.Unlock()
	if p.phase.committed() || p.retries != n {
		return nil
	}
	p.life.gated += waited
	p.life.waited += waited
	if !p.desc.ClientStreams {
		p.timer.start()
	}
	return nil
}

// tooMuch notes the cost of the stream. Without room tooMuch pauses the timer of the attempt, and
// returns true.
func (p *pending) tooMuch(held *place, cost policy.Cost) bool {
	p.lock()
	defer p.mu.Unlock()
	p.takes = &cost
	if !held.counts() || !held.uses(cost) {
		return false
	}
	p.timer.pause()
	return true
}

// turnAway ends the stream with the first message unsent. ended is false if the attempt is the
// last, or is being replaced.
func (p *pending) turnAway(n int, w *gates.Waiter) (end *terminal, ended bool) {
	if mine, _, _ := p.claim(n); !mine {
		return nil, false
	}
	final := p.endUnsent(w)
	p.finish.end(final)
	return p.s.over.Load(), true
}

// endUnsent ends the claimed stream, also if an observer panics.
func (p *pending) endUnsent(w *gates.Waiter) (final error) {
	c := p.call()
	c.waiter = w
	defer func() {
		c.quit()
		p.settle(false, cmp.Or(final, c.err))
	}()
	final = c.turnedAway()
	p.abandon()
	p.end(final)
	return final
}

// rejoin takes the attempt back to the gate, and returns the wait. Without the caller or the
// connection the attempt goes on, because the end is near.
func (p *place) rejoin(c *call) (waited time.Duration, turnedAway bool) {
	t, ok := p.exchange(gate.Ticket{})
	if !ok {
		return 0, false
	}
	p.r.gates.Done(p.key, t, unsent(), nil)
	there, verdict := c.arrive()
	if verdict == gate.Wait {
		began := c.r.clock.Now()
		verdict, _ = c.wait()
		waited = c.r.clock.Now().Sub(began)
		c.logGated(waited)
	}
	switch {
	case !there:
	case verdict == gate.Refuse:
		return waited, true
	case verdict == gate.Wait:
		p.r.gates.Leave(c.waiter, verdict)
	default:
		p.resume(c.waiter.Ticket())
	}
	return waited, false
}

// owe lets an attempt go on after all.
func (p *place) owe(w *gates.Waiter) { p.resume(p.r.gates.Owe(w)) }

// resume gives the attempt another ticket, unless the attempt has ended.
func (p *place) resume(t gate.Ticket) {
	if _, ok := p.exchange(t); ok {
		p.lapseAfter(p.r.gateFigures().Effective().ProbeMax)
	} else {
		p.r.gates.Done(p.key, t, unsent(), nil)
	}
}

// unsent is the end of an attempt that took nothing.
func unsent() codes.Failure { return codes.Failure{Class: codes.Ended, Reach: codes.Unsent} }

// exchange exchanges the ticket of an attempt that has not ended, and stops the timer of
// lapseAfter.
func (p *place) exchange(t gate.Ticket) (old gate.Ticket, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given {
		return old, false
	}
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	old, p.ticket = p.ticket, t
	return old, true
}
