package gate

import "time"

// A server in trouble is tested by one probe at a time, and calls come back slowly. Calls
// with little time cannot wait for that. A call never sent is not turned away because of it:
// such calls are no more than the load without retries.

// upNext returns the waiting call whose turn has come, or nil.
func (g *Gate) upNext(now time.Time) *Waiter {
	switch {
	case g.queue.n == 0 || !g.free(now):
		return nil
	case g.state == Probing:
		if w := g.prober(now); w != nil && !g.room(now, w, ahead{}).After(now) {
			return w
		}
		return nil
	case g.limited(now, g.queue.head(now)).After(now):
		return g.filler(now)
	}
	return g.queue.head(now)
}

// prober returns the first waiting call with enough time left to be a probe, or nil: half of
// the call's time, or as long as a probe went without an answer. Other calls would end
// before the answer, and be load for nothing. A call past its deadline is returned, too.
func (g *Gate) prober(now time.Time) *Waiter {
	for w := g.queue.first; w != nil; w = w.next {
		left := w.Deadline.Sub(now)
		if w.Deadline.IsZero() || left <= 0 || left >= min(g.silent, w.Deadline.Sub(w.came)/2) {
			return w
		}
	}
	return nil
}

// lateForProbe reports whether a call that has come to an empty queue is the next probe,
// before the time of the probe but not before a time named by the server, because the call
// cannot wait until then.
func (g *Gate) lateForProbe(now time.Time, w *Waiter) bool {
	return g.state == Probing && g.probe.IsZero() && !now.Before(g.due) && !w.Again && !w.Deadline.IsZero() &&
		!g.until.Before(w.Deadline.Add(-g.need(w)))
}

// unpaced reports whether a call leaves after trouble though its turn comes too late: at once
// if that is known on arrival, else at the last moment.
func (g *Gate) unpaced(w *Waiter) bool {
	return g.state == Open && g.recovery.on && !w.Again && !w.Deadline.IsZero()
}

// passUnpaced lets such a call through, beside the pace. Whether answers are missing is judged
// by the calls at the pace.
func (g *Gate) passUnpaced(now time.Time, w *Waiter) {
	last, next := g.last, g.pacer.next
	g.pass(now, w, plain)
	g.last, g.pacer.next = last, next
}
