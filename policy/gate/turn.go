package gate

import "time"

// turn returns when the turn of a call comes with so many before it, if the gate opens
// when the server has said.
func (g *Gate) turn(now time.Time, ahead int) time.Time {
	if g.state == Open {
		if g.pacer.loose { // the queue leaves in time
			return now
		}
		return now.Add(g.pacer.turn(now, ahead))
	}
	opens := g.until
	if g.state == Closed {
		opens = g.due
	}
	opens = later(now, opens)
	if again := g.pacer; !again.loose { // at the pace of before
		again.since, again.next = opens, opens
		opens = opens.Add(again.turn(opens, ahead))
	}
	return opens
}

// hopeless reports whether the turn of a call with so many before it cannot come
// in time, and no scout can save it. That the gate opens later than the server has said
// is no reason.
func (g *Gate) hopeless(now time.Time, w *Waiter, ahead int) bool {
	if w.Deadline.IsZero() {
		return false
	}
	leave := w.Deadline.Add(-g.need(w))
	return !g.turn(now, ahead).Before(leave) && (g.state != Closed || !g.verdictAt(now).Before(leave))
}

// pressed reports whether a scout alone may save a call. What a call needs, if nothing
// is known of that, may be half of the time that it had.
func (g *Gate) pressed(now time.Time, w *Waiter, ahead int) bool {
	if w.Deadline.IsZero() {
		return false
	}
	half := w.Deadline.Sub(w.came) / 2
	if g.demand >= busy && now.Sub(w.came) > half { // it has waited for long enough
		return true
	}
	need := g.need(w)
	if g.latency.calls == 0 {
		need = half
	}
	return !g.turn(now, ahead).Before(w.Deadline.Add(-need))
}

// lastMoment returns when a call leaves a closed gate at the latest, to have the time
// that it needs: after a quarter of what it will have left when the server takes calls
// again, or later if it is known to need less.
func (g *Gate) lastMoment(w *Waiter) time.Time {
	due := later(g.due, w.Due)
	last := due.Add(w.Deadline.Sub(due) / 4)
	if g.latency.calls > 0 {
		last = later(last, w.Deadline.Add(-g.need(w)))
	}
	return last
}

// need returns how much time a call must have left when its turn comes.
func (g *Gate) need(w *Waiter) time.Duration {
	return min(time.Duration(g.c.Margin*float64(g.latency.mean)), w.Deadline.Sub(w.came)/2)
}

// sweep finds those in the queue whose turn cannot come any more, and whether there
// are some that only a scout can save.
func (g *Gate) sweep(now time.Time) {
	g.scouts.urgent = false
	ahead := 0
	for w := g.queue.first; w != nil; {
		next := w.next
		if g.hopeless(now, w, ahead) {
			g.queue.giveUp(w)
		} else {
			g.scouts.urgent = g.scouts.urgent || g.pressed(now, w, ahead)
			ahead++
		}
		w = next
	}
}

// share returns the time for each of the calls that wait, if the last of them is
// to leave in time: being refused costs a request, and waiting too long the call.
// After trouble that does not count.
func (g *Gate) share(now time.Time) time.Duration {
	if g.recovery.on {
		return forever
	}
	return g.queue.share(now)
}
