package interceptor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/internal/clock"
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
// if no attempt may be made.
func (c *call) choose(rt *route) error {
	for {
		found, best := c.find(rt)
		err := rt.ctx.Err()
		if err != nil {
			best = -1
		}
		for n, o := range found {
			if n != best && o.kind == queued {
				c.r.gates.Leave(rt.stops[o.stop].waiter, gate.Wait)
			}
		}
		if rt.broken != nil {
			return c.hookFailed(rt.broken)
		}
		switch {
		case err != nil:
			return c.cancelled(err)
		case best < 0:
			return c.end(ending{why: policy.NeverRetried})
		}
		o := found[best]
		c.stand(o.stop)
		switch {
		case o.kind == free:
			return nil
		case o.kind == queued:
			return c.await(gate.Wait)
		case o.kind == refused || !c.worthwhile(o.left):
			return c.allClosed(rt, found, o)
		}
		began := c.r.clock.Now()
		_, err = clock.SleepUnless(c.ctx, c.r.clock, o.left, nil)
		c.waited += c.r.clock.Now().Sub(began)
		if err != nil {
			return c.cancelled(err)
		}
	}
}

// find looks for a stop: the one decided on, then the others in order. It ends at the first
// with a turn within the patience; otherwise best is the stop that opens first, or -1.
func (c *call) find(rt *route) (found []opening, best int) {
	order := make([]int, 0, 1+len(rt.stops))
	if rt.next >= 0 {
		order = append(order, rt.next)
	}
	for i, s := range rt.stops {
		if i != rt.next && (!s.tried || !s.past.done) {
			order = append(order, i)
		}
	}
	best = -1
	for _, i := range order {
		if !c.stand(i) {
			continue
		}
		o := c.arriveAt(rt, i)
		found = append(found, o)
		n := len(found) - 1
		if o.kind == free || (o.kind == queued && o.left <= c.knobs.patience) {
			return found, n
		}
		if best < 0 || o.left < found[best].left {
			best = n
		}
	}
	return found, best
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
		c.hold().spent = &key
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

// allClosed ends a call because every stop is closed for too long. first is the stop that
// opens first.
func (c *call) allClosed(rt *route, found []opening, first opening) error {
	if c.barredBy(first.why); rt.unfounded {
		c.err, c.failure = first.why.Err, first.why.Failure
	}
	t := &turned{key: c.r.loggedKey(c.gateKey()), left: first.left}
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
	if done, final := c.insteadOfWaiting(gate.Refuse, first.why, t); done {
		return final
	}
	c.failure.Delay = t.left
	return c.end(ending{why: policy.GateClosed, turned: t, unwaited: true})
}
