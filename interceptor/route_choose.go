package interceptor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// opening is what a call has found on arrival at a stop.
type opening struct {
	stop int
	kind openingKind
	left time.Duration // until the turn of the call
	why  gates.Reason  // for a closed stop
}

// openingKind says what a call can do at a stop.
type openingKind uint8

const (
	free    openingKind = iota // go at once
	queued                     // wait: the call has a place in the queue
	refused                    // nothing: the turn is too late for the deadline
	timed                      // come back: the table has a wait, or the quota is spent
)

// choose takes the call to a stop, and waits for its turn there. It returns the final error
// if no attempt may be made. noinline as in [call.decideNext].
//
//go:noinline
func (c *call) choose(rt *route) error {
	for {
		a := c.find(rt)
		if err := rt.ctx.Err(); err != nil {
			c.leaveQueues(rt, &a, -1)
			return c.cancelled(err)
		}
		if rt.broken != nil {
			c.leaveQueues(rt, &a, -1)
			return c.hookFailed(rt.broken)
		}
		if a.best < 0 {
			return c.end(ending{why: policy.NeverRetried})
		}
		o := a.found[a.best]
		c.move(o.stop)
		if o.kind == free {
			c.leaveQueues(rt, &a, a.best)
			return nil
		}
		if done, final := c.insteadOfAll(rt, &a, o); done {
			return final
		}
		if c.hopeless(&a) {
			if c.press(&a) {
				return nil
			}
			return c.allClosed(rt, a.found, o)
		}
		if turn, final := c.waitAnywhere(rt, &a); turn || final != nil {
			return final
		}
	}
}

// hopeless reports whether no stop is worth waiting for.
func (c *call) hopeless(a *arrivals) bool {
	for _, o := range a.found {
		if o.kind == queued || (o.kind == timed && c.worthwhile(o.left)) {
			return false
		}
	}
	return true
}

// press takes a call that would be turned away to a spent stop, once a second.
func (c *call) press(a *arrivals) bool {
	for _, o := range a.found {
		if o.kind != timed {
			continue
		}
		c.move(o.stop)
		if key := c.gateKey(); c.r.gates.Press(key) {
			c.hold().spent = &key
			return true
		}
	}
	c.move(a.found[a.best].stop)
	return false
}

// find looks for a stop: the one decided on, then the others in order. It ends at the first
// with a turn within the patience.
func (c *call) find(rt *route) arrivals {
	order := make([]int, 0, 1+len(rt.stops))
	if rt.next >= 0 {
		order = append(order, rt.next)
	}
	for i, s := range rt.stops {
		if i != rt.next && (!s.tried || !s.past.done) {
			order = append(order, i)
		}
	}
	a := arrivals{best: -1, all: true}
	for k, i := range order {
		if !c.stand(i) {
			continue
		}
		o := c.arriveAt(rt, i)
		a.found = append(a.found, o)
		n := len(a.found) - 1
		if o.kind == free || (o.kind == queued && o.left <= c.knobs.patience) {
			a.best, a.all = n, k == len(order)-1
			return a
		}
		if a.best < 0 || o.left < a.found[a.best].left {
			a.best = n
		}
	}
	return a
}

// arriveAt takes the call, which stands at stop i, to the gate there.
func (c *call) arriveAt(rt *route, i int) opening {
	s := &rt.stops[i]
	decided := rt.next == i
	if decided {
		rt.next = -1
	}
	if s.tried && !s.past.atGate && !decided {
		if left := s.past.ready.Sub(c.r.clock.Now()); left > 0 {
			return opening{stop: i, kind: timed, left: left, why: gates.Reason{Failure: s.past.failure, Err: s.past.err, Left: left}}
		}
	}
	key := c.gateKey()
	left, scout, why := c.r.gates.Spent(key)
	if left > 0 && !scout {
		return opening{stop: i, kind: timed, left: left, why: why}
	}
	if c.r.gates.There() && !c.r.gates.Dry {
		there, verdict := c.arrive()
		s.waiter = c.waiter
		switch {
		case !there:
		case verdict == gate.Pass:
			c.hold().pass(c.waiter.Key(), c.waiter.Ticket())
		default:
			why := c.r.gates.Reason(c.waiter)
			o := opening{stop: i, kind: queued, left: why.Left, why: why}
			if verdict == gate.Refuse {
				o.kind = refused
			}
			return o
		}
	}
	if scout {
		c.hold().spent, c.hold().scouts = &key, true
	}
	return opening{stop: i}
}

// worthwhile reports whether the call may wait so long.
func (c *call) worthwhile(left time.Duration) bool {
	if deadline, ok := c.ctx.Deadline(); ok && left >= deadline.Sub(c.r.clock.Now()) {
		return false
	}
	return left <= c.state.Limits.Effective(c.state.Table).MaxServerDelay
}

// insteadOfAll asks the fallback in place of a long wait. done is true if the call does not
// wait. first is the stop that opens first.
func (c *call) insteadOfAll(rt *route, a *arrivals, first opening) (done bool, final error) {
	if c.knobs.fallback == nil {
		return false, nil
	}
	verdict := gate.Wait
	if c.hopeless(a) {
		verdict = gate.Refuse
	}
	t := c.turnedByAll(rt, a.found, first)
	waiter := c.waiter
	c.waiter = nil // the queues are left below
	if done, final = c.insteadOfWaiting(verdict, first.why, t); done {
		c.leaveQueues(rt, a, -1)
		return true, final
	}
	c.waiter = waiter
	return false, nil
}

// allClosed ends a call because every stop is closed for too long. first is the stop that
// opens first.
func (c *call) allClosed(rt *route, found []opening, first opening) error {
	if c.barredBy(first.why); rt.unfounded {
		c.err, c.failure = first.why.Err, first.why.Failure
	}
	t := c.turnedByAll(rt, found, first)
	c.failure.Delay = t.left
	return c.end(ending{why: policy.GateClosed, turned: t, unwaited: true})
}

// turnedByAll returns why no stop lets the call in.
func (c *call) turnedByAll(rt *route, found []opening, first opening) *turned {
	t := &turned{key: c.r.loggedKey(c.gateKey()), left: first.left}
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b opening) int { return a.stop - b.stop })
	var places []string
	for _, o := range found {
		name := "as it is"
		if o.stop > 0 {
			name = "at " + foreign.Text(rt.stops[o.stop].Name)
		}
		places = append(places, fmt.Sprintf("%s %v in %v", name, o.why.Failure.Class, rounded(o.left)))
	}
	t.places = strings.Join(places, ", ")
	return t
}
