package gate

import "time"

const (
	// scoutAfter is when the first scout goes through a closed gate, +-25 % so that
	// clients do not scout together.
	scoutAfter = time.Second
	// scoutDoublings bounds how far the interval between scouts grows: to 32 s.
	// Judgement: a hint of a minute that is no longer true costs half of it.
	scoutDoublings = 5
	// scoutFrom is the shortest closing in which calls that merely wait scout.
	// Judgement: for less a scout is no better than the wait.
	scoutFrom   = 5 * time.Second
	afford      = 4
	affordQuiet = 16
)

// scouts are the calls that go through a closed gate, one at a time, to find out
// whether the hint is true: one that is accepted opens the gate.
type scouts struct {
	next    time.Time // when the next may go
	sent    time.Time // when the one under way was sent; zero for none
	trusted time.Time // when the one was sent that counts as accepted without an answer
	from    time.Time // when calls may scout that merely wait
	urgent  bool      // some call would be turned away but for a scout
	came    int       // of the calls that came, how many had when the last one was sent
}

// plan sets the time of the next scout.
func (g *Gate) planScout(now time.Time, u float64) {
	g.scouts.next = now.Add(time.Duration((0.75 + u/2) * float64(g.m.interval(now))))
}

// waitersScout returns from when on calls that merely wait may scout.
func (g *Gate) waitersScout(now time.Time, hint time.Duration) time.Time {
	if hint >= scoutFrom {
		return now
	}
	return g.due
}

// scout returns the call that is to be the next scout, and when it may go; nil if
// none is to. It is the oldest that has made no attempt, since the head of the queue
// often is the very call that the hint was meant for.
func (g *Gate) scout() (*Waiter, time.Time) {
	if g.state != Closed || !g.scouts.sent.IsZero() {
		return nil, time.Time{}
	}
	at := later(g.scouts.next, g.ch.nextScout())
	if !g.scouts.urgent {
		if !g.affords() {
			return nil, time.Time{}
		}
		at = later(at, g.scouts.from)
	}
	w := g.queue.first
	for w != nil && w.Again {
		w = w.next
	}
	return w, at
}

// affords reports whether enough calls have come since the last scout: a request that
// is refused is a small part of them.
func (g *Gate) affords() bool {
	came := g.entered - g.scouts.came
	if came < afford {
		return false
	}
	return came >= affordQuiet || float64(g.entered) >= busy*g.entry.Sub(g.shutAt).Seconds()
}

// verdictAt returns when the next scout's answer will be known.
func (g *Gate) verdictAt(now time.Time) time.Time {
	at := later(now, later(g.scouts.next, g.ch.nextScout()))
	if !g.scouts.sent.IsZero() {
		at = g.scouts.sent
	}
	return at.Add(g.m.settled())
}

// cameThrough opens the gate, because a call that was sent while it was closed was
// accepted. If that was before the time that the server has named, its hints are in
// doubt from now on.
func (g *Gate) cameThrough(now, sent time.Time) {
	g.m.missed = 0
	g.backoff = 0
	if !sent.Before(g.due) {
		g.open(now, g.due)
		return
	}
	g.openEarly(now)
	g.doubt(now)
}

// doubt puts the hints in doubt, because a call was accepted that was sent before the
// time that the server had named. A pace that was measured on such hints holds no
// call that finds no queue.
func (g *Gate) doubt(now time.Time) {
	g.m.doubted = now.Add(doubtFor)
	g.hurry(now)
}

// openEarly opens the gate before its time. Calls that wait leave as fast as they
// came, or as the server took them when it last was open.
func (g *Gate) openEarly(now time.Time) {
	closed := max(now.Sub(g.shutAt), time.Millisecond)
	g.state, g.openedAt = Open, now
	g.demand = g.rate(closed)
	g.pacer.measure(now)
	g.pacer.cycle = min(closed, minute)
	g.pacer.begin(now, g.c.Headroom*g.offered(closed), g.c.Growth, closed)
}

// hurry has those that wait leave in about the time for which the gate was closed,
// while new ones come.
func (g *Gate) hurry(now time.Time) {
	closed := max(g.openedAt.Sub(g.shutAt), g.c.MinSpread)
	g.pacer.loosen(now, float64(g.queue.n)/closed.Seconds())
}
