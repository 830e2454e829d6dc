package gate

import "time"

// settle applies the passing of time. A closed gate reopens at its time. A call counts as
// accepted once a refusal would have arrived.
func (g *Gate) settle(now time.Time) {
	settled := g.m.settled()
	over := func(sent time.Time) bool { return !sent.IsZero() && now.Sub(sent) >= settled }
	if g.state == Closed && over(g.scouts.sent) {
		g.scouts.trusted, g.scouts.sent = g.scouts.sent, time.Time{}
		g.cameThrough(now, g.scouts.trusted)
	}
	if g.state == Closed && over(g.small.sent) {
		g.small.sent = time.Time{}
		g.smallAccepted(now)
	}
	if g.state == Closed && !now.Before(g.until) {
		g.reopen(g.until, g.due)
	}
	if g.state == Probing && g.byQuota && over(g.probe) {
		g.scouts.trusted, g.probe = g.probe, time.Time{}
		g.reopen(now, g.scouts.trusted)
	}
	if over(g.m.trial.sent) {
		g.m.tried(now, accepted)
	}
	if g.state == Open && over(g.row.witness) {
		g.row.end()
		if g.byQuota {
			g.backoff = 0
		}
	}
}

// reopen opens the gate at now. due is when the opening was due.
func (g *Gate) reopen(now, due time.Time) {
	g.state, g.openedAt = Open, now
	closed := max(now.Sub(g.shutAt), time.Millisecond)
	g.m.meter.reopened(closed)
	g.demand = g.rate(closed)
	g.pacer.measure(due)
	g.yield.begin(now, max(g.m.accepted.rate(now), g.pacer.measured()))
	if g.recovery.on {
		g.came = (g.recent + g.bad + float64(g.entered)) / (g.over + closed).Seconds()
		g.pacer.begin(now, g.c.Recovery*g.came, g.c.Regrowth, closed)
		return
	}
	pace := g.pacer.measured()
	measured := pace > 0 && g.m.share(now) <= rare && g.vain.times < inVain
	if !measured {
		pace = max(g.offered(closed), g.pacer.open/2)
	}
	pace = max(pace, g.lately)
	g.pacer.begin(now, g.c.Headroom*pace, g.c.Growth, closed)
	g.pacer.loose, g.pacer.credit = !measured, g.pacer.cycle/4
	if !g.m.Doubted(now).IsZero() {
		g.hurry(now)
	}
}

// cameThrough opens the gate after the success of a call sent while the gate was closed. If
// the call was sent before the end of the hint, hints are in doubt from now on.
func (g *Gate) cameThrough(now, sent time.Time) {
	g.backoff = 0
	if !sent.Before(g.due) {
		g.reopen(now, g.due)
		return
	}
	g.m.missed = 0
	g.openEarly(now)
	g.doubt(now)
}

// openEarly opens the gate before its time. The pace is Headroom times the rate at which
// calls arrived; doubt may raise the pace further.
func (g *Gate) openEarly(now time.Time) {
	closed := max(now.Sub(g.shutAt), time.Millisecond)
	g.state, g.openedAt = Open, now
	g.m.meter.reopened(closed)
	g.demand = g.rate(closed)
	g.pacer.measure(now)
	g.yield.begin(now, max(g.m.accepted.rate(now), g.pacer.measured()))
	g.pacer.cycle = min(closed, minute)
	g.pacer.begin(now, g.c.Headroom*g.offered(closed), g.c.Growth, closed)
}

// doubt puts hints in doubt after the success of a call sent before the end of the hint. A
// pace measured with such hints does not hold a call that finds the queue empty.
func (g *Gate) doubt(now time.Time) {
	g.m.doubted = now.Add(doubtFor)
	g.hurry(now)
}

// hurry lets the waiting calls leave in about the time in which they arrived, beside new
// calls. Those of the lowest band have time.
func (g *Gate) hurry(now time.Time) {
	came := max(g.openedAt.Sub(g.shutAt), g.c.MinSpread)
	if oldest := g.queue.oldest(); !oldest.IsZero() {
		came = max(came, now.Sub(oldest))
	}
	g.pacer.loosen(now, float64(g.queue.above(lowest).calls)/came.Seconds())
}

// rate returns the new calls per second while the gate was closed, or 0 if there were too
// few to tell.
func (g *Gate) rate(closed time.Duration) float64 {
	if g.entered < few {
		return 0
	}
	return float64(g.entered) / closed.Seconds()
}

// offered returns the calls per second that arrived while the gate was closed: the only
// estimate where nothing was measured. Callers that wait bring no new calls, so the time
// ends with the last new call. Refused calls come back as if each had a spread of its own.
func (g *Gate) offered(closed time.Duration) float64 {
	pace := 1 / closed.Seconds()
	if g.entered > 1 {
		pace = max(pace, float64(g.entered)/max(g.entry.Sub(g.shutAt), g.c.MinSpread).Seconds())
	}
	if g.spread > 0 {
		closed = g.spread
	}
	return max(pace, float64(g.returned)/closed.Seconds())
}
