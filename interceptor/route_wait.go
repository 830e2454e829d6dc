package interceptor

import (
	"reflect"
	"time"

	"github.com/reinvoke/reinvoke/policy/gate"
)

// arrivals is what a call has found at its stops, in the order of asking.
type arrivals struct {
	found []opening
	best  int  // the stop with a turn within the patience, or else the first to open; -1 for none
	all   bool // every stop was asked
}

// leaveQueues gives up the places in all queues but one; negative for all.
func (c *call) leaveQueues(rt *route, a *arrivals, except int) {
	for n := range a.found {
		if o := &a.found[n]; n != except && o.kind == queued {
			c.r.gates.Leave(rt.stops[o.stop].waiter, gate.Wait)
			o.kind = timed
		}
	}
}

// waitAnywhere waits in all queues at once, for the first turn. It reports false if the call
// has to look again: a queue has turned it away, a stop without a queue is due, or the turn
// at a stop within the patience has not come.
func (c *call) waitAnywhere(rt *route, a *arrivals) (turn bool, final error) {
	began := c.r.clock.Now()
	defer func() {
		took := c.r.clock.Now().Sub(began)
		c.waited += took
		if turn {
			c.gated += took
			c.logGated(took)
		}
	}()
	rings, stop := c.alarm(c.nextLook(a))
	defer stop()
	closed := c.r.conns.Begin(c.cc)
	defer c.r.conns.End(c.cc)
	const done, gone, due, queues = 0, 1, 2, 3
	cases := []reflect.SelectCase{
		done: {Dir: reflect.SelectRecv, Chan: reflect.ValueOf(rt.ctx.Done())},
		gone: {Dir: reflect.SelectRecv, Chan: reflect.ValueOf(closed)},
		due:  {Dir: reflect.SelectRecv, Chan: reflect.ValueOf(rings)},
	}
	var at []int // of the queues
	for n, o := range a.found {
		if o.kind == queued {
			at = append(at, n)
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(rt.stops[o.stop].waiter.Ready())})
		}
	}
	chosen, value, _ := reflect.Select(cases)
	switch chosen {
	case done:
		c.leaveQueues(rt, a, -1)
		return false, c.cancelled(rt.ctx.Err())
	case gone:
		c.leaveQueues(rt, a, -1)
		return false, c.cancelled(errClosed())
	case due:
		c.leaveQueues(rt, a, -1)
		return false, nil
	}
	n := at[chosen-queues]
	c.leaveQueues(rt, a, n)
	if gate.Verdict(value.Uint()) != gate.Pass { //nolint:gosec // it is one
		return false, nil
	}
	c.move(a.found[n].stop)
	c.hold().pass(c.waiter.Key(), c.waiter.Ticket())
	return true, nil
}

// nextLook returns after which time the call looks again, if no turn comes; 0 for never.
func (c *call) nextLook(a *arrivals) (after time.Duration) {
	if !a.all { // the other stops may be open
		after = max(a.found[a.best].left, c.knobs.patience, time.Millisecond)
	}
	for _, o := range a.found {
		if o.kind == timed && c.worthwhile(o.left) && (after == 0 || o.left < after) {
			after = max(o.left, time.Millisecond)
		}
	}
	return after
}

// alarm returns a channel that is closed after d, nil for no d, and a function to stop the
// timer.
func (c *call) alarm(d time.Duration) (rings chan struct{}, stop func() bool) {
	if d <= 0 {
		return nil, func() bool { return false }
	}
	rings = make(chan struct{})
	return rings, c.r.clock.AfterFunc(d, func() { close(rings) })
}
