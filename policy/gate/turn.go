package gate

import "time"

// turn returns when the turn of a call with these calls ahead comes, if the gate opens when
// the server has said.
func (g *Gate) turn(now time.Time, w *Waiter, before ahead) time.Time {
	return later(g.opening(now, before.calls), g.room(now, w, before))
}

// opening is turn without the known limits.
func (g *Gate) opening(now time.Time, ahead int) time.Time {
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
	if again := g.pacer; !again.loose { // at the previous pace
		again.since, again.next = opens, opens
		opens = opens.Add(again.turn(opens, ahead))
	}
	return opens
}

// hopeless reports whether the turn of a call with these calls ahead cannot come in time,
// no scout can save the call, and the call cannot be the next scout. first says that the
// call is the first in the queue without an attempt. An opening later than the server has
// said does not count.
func (g *Gate) hopeless(now time.Time, w *Waiter, before ahead, first bool) bool {
	if w.Deadline.IsZero() {
		return false
	}
	leave := w.Deadline.Add(-g.need(w))
	if g.turn(now, w, before).Before(leave) {
		return false
	}
	if g.state != Closed || !g.room(now, w, before).Before(leave) {
		return true
	}
	if g.verdictAt(now).Before(leave) {
		return false
	}
	early := later(now, later(g.scouts.early, g.ch.nextScout()))
	return !first || !g.scouts.sent.IsZero() || !early.Before(w.Deadline.Add(-g.needs(w)))
}

// pressed reports whether only a scout may save a call.
func (g *Gate) pressed(now time.Time, w *Waiter, before ahead) bool {
	if w.Deadline.IsZero() {
		return false
	}
	if half := w.Deadline.Sub(w.came) / 2; g.demand >= busy && now.Sub(w.came) > half { // waited long enough
		return true
	}
	return !g.turn(now, w, before).Before(w.Deadline.Add(-g.needs(w)))
}

// lastMoment returns when a call leaves a closed gate at the latest, to have the time it
// needs: after a quarter of the time between the end of the hint and the deadline, or later
// if the call is known to need less.
func (g *Gate) lastMoment(w *Waiter) time.Time {
	due := later(g.due, w.Due)
	last := due.Add(w.Deadline.Sub(due) / 4)
	if g.latency.calls > 0 {
		last = later(last, w.Deadline.Add(-g.need(w)))
	}
	return last
}

// need returns how much time a call must have left at its turn.
func (g *Gate) need(w *Waiter) time.Duration {
	return min(time.Duration(g.c.Margin*float64(g.latency.mean)), w.Deadline.Sub(w.came)/2)
}

// needs returns need, or half of the call's time if no latency is known.
func (g *Gate) needs(w *Waiter) time.Duration {
	if g.latency.calls == 0 {
		return w.Deadline.Sub(w.came) / 2
	}
	return g.need(w)
}

// sweep gives up the queued calls whose turn cannot come any more, and notes whether some
// call depends on a scout.
func (g *Gate) sweep(now time.Time) {
	g.scouts.urgent = false
	before, fresh := ahead{}, false
	for w := g.queue.first; w != nil; {
		next := w.next
		if g.hopeless(now, w, before, !w.Again && !fresh) {
			g.queue.giveUp(w)
		} else {
			fresh = fresh || !w.Again
			g.scouts.urgent = g.scouts.urgent || g.pressed(now, w, before)
			before = before.with(w)
		}
		w = next
	}
}

// share returns the time per waiting call if the last call is to leave in time: a refusal
// costs a request, too long a wait costs the call. After trouble there is no such limit.
func (g *Gate) share(now time.Time) time.Duration {
	if g.recovery.on {
		return forever
	}
	return g.queue.share(now)
}
