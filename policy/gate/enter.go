package gate

import "time"

// Enter passes, queues or refuses a call. A queued call stays in the queue.
func (g *Gate) Enter(now time.Time, w *Waiter) Verdict {
	g.settle(now)
	if w.queued || w.resting {
		return Wait
	}
	g.touched = now
	g.queue.arrive(w)
	if w.band = bandOf(w.Priority); w.band < lowest {
		g.yield.others = now
	}
	w.takes = g.m.takes(w)
	if w.came.IsZero() {
		w.came = now
	}
	if g.state != Closed && w.Due.After(now) {
		g.rest(w)
		return Wait
	}
	switch {
	case g.state == Open:
	case w.ticket.Scout(): // a scout never gave up its place
	case w.Again:
		g.returned++
	default:
		g.entered++
		g.entry = now
	}
	room := !g.room(now, w, ahead{}).After(now)
	if g.queue.n == 0 && room && (g.free(now) || g.lateForProbe(now, w)) {
		g.pass(now, w, plain)
		return Pass
	}
	if g.state == Closed && room && g.small.mayGo(now, w) {
		g.passSmall(now, w)
		return Pass
	}
	g.pacer.busy(now)
	return g.wait(now, w)
}

// wait queues or refuses a call.
func (g *Gate) wait(now time.Time, w *Waiter) Verdict {
	before := g.queue.insert(now, w)
	if g.queue.overtakes(w) {
		g.overtaken = true
	}
	if g.hopeless(now, w, before, !w.Again && g.queue.fresh() == w) {
		g.queue.remove(w)
		if g.unpaced(w) && !g.room(now, w, ahead{}).After(now) {
			g.passUnpaced(now, w)
			return Pass
		}
		return Refuse
	}
	g.scouts.urgent = g.scouts.urgent || g.pressed(now, w, before)
	switch last := g.lastMoment(w); {
	case w.Deadline.IsZero():
		g.queue.limits.add(w, later(now.Add(g.c.MaxWait), w.Due))
	case g.unpaced(w):
		g.queue.limits.add(w, w.Deadline.Add(-g.need(w)))
	case g.state == Closed && last.Before(w.Deadline) && last.Before(g.until):
		g.queue.limits.add(w, last)
		g.scouts.soon = true
	}
	return Wait
}

// rest keeps a call outside the queue until its own hint ends.
func (g *Gate) rest(w *Waiter) {
	w.resting = true
	g.resting.add(w, w.Due)
}

// Leave removes a call that waits no longer. Leave does nothing for a call that does not
// wait.
func (g *Gate) Leave(w *Waiter) {
	if w.resting {
		w.resting = false
		g.resting.remove(w)
		return
	}
	g.queue.remove(w)
}

// Admit returns a call whose wait is over, and the verdict, [Pass] or [Refuse]; nil if
// there is no such call.
func (g *Gate) Admit(now time.Time) (*Waiter, Verdict) {
	g.settle(now)
	for w := g.resting.due(now); w != nil; w = g.resting.due(now) {
		g.resting.remove(w)
		w.resting = false
		if g.wait(now, w) == Refuse {
			return w, Refuse
		}
	}
	for w := g.queue.freed.next(); w != nil; w = g.queue.freed.next() {
		if !g.room(now, w, ahead{}).After(now) {
			g.passSmall(now, w)
			return w, Pass
		}
		if verdict := g.wait(now, w); verdict != Wait {
			return w, verdict
		}
	}
	if g.overtaken && !now.Before(g.swept.Add(sweepEvery)) {
		g.overtaken, g.swept = false, now
		g.sweep(now)
	}
	if w := g.queue.given.next(); w != nil {
		return w, Refuse
	}
	if w, at := g.scout(now); w != nil && !now.Before(at) {
		g.queue.remove(w)
		g.ch.scout(now)
		g.scouts.sent, g.scouts.came = now, g.entered
		g.pass(now, w, scouting)
		return w, Pass
	}
	for w := g.queue.head(now); w != nil && g.state != Closed && w.Due.After(now); w = g.queue.head(now) {
		g.queue.remove(w) // the gate opened before the call's own hint ended
		g.rest(w)
	}
	if w := g.upNext(now); w != nil {
		g.queue.remove(w)
		if g.hopeless(now, w, ahead{}, false) {
			return w, Refuse
		}
		g.pass(now, w, plain)
		return w, Pass
	}
	for w := g.queue.limits.due(now); w != nil; w = g.queue.limits.due(now) {
		if !w.Deadline.IsZero() && !g.unpaced(w) && (g.state != Closed || now.Before(g.due)) { // the gate has opened, or closed for longer
			g.queue.limits.remove(w)
			continue
		}
		if at := g.room(now, w, ahead{}); at.After(now) { // no wait is a reason to pass a known limit
			g.queue.limits.remove(w)
			g.queue.limits.add(w, at)
			continue
		}
		g.queue.remove(w)
		if g.state == Open && g.recovery.on {
			g.passUnpaced(now, w)
		} else {
			g.pass(now, w, plain)
		}
		return w, Pass
	}
	return nil, Wait
}

// Next returns when [Gate.Admit] must be called again: when the turn of a call may come or,
// if no call waits, when the gate may come to rest. Next returns the zero time for a gate
// at rest.
func (g *Gate) Next(now time.Time) time.Time {
	if g.Waiting() == 0 && g.scouts.sent.IsZero() && g.small.sent.IsZero() {
		return g.rests(now)
	}
	var next time.Time
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	switch {
	case g.state == Closed:
		next = g.until
		if !g.scouts.sent.IsZero() {
			sooner(g.verdictAt(now))
		} else if w, at := g.scout(now); w != nil {
			sooner(at)
		}
		if !g.small.sent.IsZero() {
			sooner(g.small.sent.Add(g.m.settled()))
		}
	case g.queue.n == 0:
	case g.state == Probing && g.prober(now) == nil: // a call with more time has to come
	case g.state == Probing:
		next = later(g.until, g.room(now, g.prober(now), ahead{}))
		if !g.probe.IsZero() {
			next = later(next, g.probe.Add(g.c.ProbeMax))
			if g.byQuota {
				next = g.probe.Add(g.m.settled())
			}
		}
	case g.state == Open:
		next = later(g.pacer.next, g.limited(now, g.queue.head(now)))
		if !g.bounded(now) {
			next = later(next, g.last.Add(g.c.ProbeMax))
		}
		if !g.m.trial.sent.IsZero() {
			sooner(g.m.trial.sent.Add(g.m.settled()))
		}
	}
	if b := &g.queue.bands[lowest]; g.state == Open && b.first != nil && b.others >= turnAfter && b.due.After(now) {
		sooner(b.due)
	}
	if g.overtaken {
		sooner(g.swept.Add(sweepEvery))
	}
	sooner(g.queue.limits.next())
	sooner(g.resting.next())
	if next.IsZero() && g.Waiting() == 0 { // an answer that may never come keeps no gate from rest
		return g.rests(now)
	}
	return next
}

// rests returns when the gate comes to rest if nothing more happens; zero if at rest.
func (g *Gate) rests(now time.Time) time.Time {
	if at := g.forgotten(); at.After(now) {
		return at
	}
	return time.Time{}
}

// free reports whether a call may go through now.
func (g *Gate) free(now time.Time) bool {
	switch g.state {
	case Open:
		return g.pacer.free(now, g.queue.n) && g.bounded(now)
	case Probing:
		return !now.Before(g.until) && (g.probe.IsZero() || !now.Before(g.probe.Add(g.c.ProbeMax)))
	default:
		return false
	}
}

// bounded reports whether another call may be under way. If no answer comes at all, the
// callers may have gone: then one call goes through after ProbeMax.
func (g *Gate) bounded(now time.Time) bool {
	return !g.recovery.on || g.passed-g.answered < g.recovery.most(g.c.InFlight*g.pacer.at(now)) ||
		!now.Before(g.last.Add(g.c.ProbeMax))
}

// passSmall lets a call with a small request through.
func (g *Gate) passSmall(now time.Time, w *Waiter) {
	if g.state != Closed { // the gate has opened since
		g.pass(now, w, plain)
		return
	}
	if !g.small.accepted {
		g.small.sent = now
	}
	g.pass(now, w, passing)
}

// pass lets a call through.
func (g *Gate) pass(now time.Time, w *Waiter, k kind) {
	if w.band == lowest && g.yield.holds(now) && g.yield.next.After(g.pacer.next) {
		g.pacer.since = now // the pace is not tried, and so not proven
	}
	if g.state == Probing {
		k = probing
		g.probe = now
	} else {
		g.pacer.pass(now, g.share(now))
	}
	w.takes = g.m.meter.fits(w.takes) // no longer in the queue
	w.ticket = Ticket{sent: now, kind: k, size: w.Size, closings: g.closings, took: w.takes, told: w.Told}
	g.m.goes(now, w.takes)
	g.m.meter.space(now, w.takes)
	g.queue.went(now, w.band)
	g.yield.pass(now)
	if now.Sub(g.last) >= g.c.ProbeMax { // no answer to an older call is expected any more
		g.answered = g.passed
	}
	g.passed++
	g.last = now
	g.trouble.sent++
	g.m.calls.add(now, 1)
	if g.closings > 0 && g.state == Open {
		g.vain.open.calls++
	}
	g.m.learned = now
	g.row.sent(now)
}
