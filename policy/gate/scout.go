package gate

import "time"

const (
	// scoutAfter is the time before the first scout, +-25 % so that clients do not scout
	// together.
	scoutAfter = time.Second
	// scoutDoublings bounds the interval between scouts: to 32 s. Judgement: an outdated
	// hint of a minute costs half a minute.
	scoutDoublings = 5
	// longHint is the least hint during which calls without urgency may scout. Judgement:
	// for a shorter hint the wait is the lesser evil.
	longHint = 5 * time.Second
	// lively is how many calls in the last minute a channel needs for such scouts.
	// Judgement: in a fleet of clients with a call a minute each, the scouts would add a
	// request for every other call.
	lively = 3
	// afford is how many calls must have come since the last scout for another scout after
	// a shorter hint, and affordQuiet the same where fewer than busy calls come per second.
	// Measured (bench/fleet, A3 and D1): a fleet of quiet clients makes half as many extra
	// requests, while a busy client finds out within a second.
	afford      = 4
	affordQuiet = 16
)

// scouts are the calls that go through a closed gate, one at a time, to test the hint. An
// accepted scout opens the gate.
type scouts struct {
	next    time.Time // when the next scout may go
	early   time.Time // when a scout without time for another scout's answer may go
	sent    time.Time // when the scout under way was sent; zero for none
	trusted time.Time // when a scout or probe now counted as accepted, without an answer, was sent
	from    time.Time // when calls without urgency may scout
	long    bool      // the hint is long
	recent  int       // calls sent in the minute before the closing
	soon    bool      // some call can wait only little longer than the hint
	urgent  bool      // some call may be lost without a scout
	came    int       // number of new calls when the last scout was sent; negative before the first scout
}

// begin starts anew after the gate has closed, or closed for longer.
func (s *scouts) begin(now, due time.Time, hint time.Duration, recent float64) {
	s.recent, s.soon = int(recent), false
	s.from = due
	if s.long = hint >= longHint; s.long {
		s.from = now
	}
}

// planScout sets the time of the next scout.
func (g *Gate) planScout(now time.Time, u float64) {
	wait := time.Duration((0.75 + u/2) * float64(g.m.interval(now)))
	g.scouts.next, g.scouts.early = now.Add(wait), now.Add(wait/2)
}

// scout returns the next scout and when it may go; nil for none. The scout is the oldest
// call without an attempt, since the head of the queue is often the very call meant by the
// hint.
func (g *Gate) scout(now time.Time) (*Waiter, time.Time) {
	if g.state != Closed || !g.scouts.sent.IsZero() {
		return nil, time.Time{}
	}
	at := later(g.scouts.next, g.ch.nextScout())
	w := g.queue.fresh()
	if w == nil {
		return nil, time.Time{}
	}
	at = later(at, g.room(now, w, ahead{}))
	if g.scouts.urgent {
		soon := later(g.shutAt.Add(g.asked/4*3), later(g.ch.nextScout(), g.room(now, w, ahead{})))
		if g.scouts.came < 0 && soon.Before(at) { // every closing sends one scout before the hint ends
			at = soon
		}
		if !w.Deadline.IsZero() && !g.verdictAt(now).Before(w.Deadline.Add(-g.need(w))) {
			if early := later(later(g.scouts.early, g.ch.nextScout()), g.room(now, w, ahead{})); early.Before(at) {
				at = early
			}
		}
		return w, at
	}
	at = later(at, g.scouts.from)
	opensSoon := g.backoff <= 1 && !at.Before(g.due)
	if opensSoon || !g.affords(w) {
		return nil, time.Time{}
	}
	return w, at
}

// affords reports whether calls without urgency may scout. With a long hint the channel
// must not be too quiet. After a short hint enough calls must have come since the last
// scout, so that a refused scout is a small part of the load.
func (g *Gate) affords(w *Waiter) bool {
	came := g.entered - max(g.scouts.came, 0)
	switch {
	case g.scouts.long:
		return g.scouts.recent+g.queue.n >= lively
	case g.scouts.soon, w.Deadline.IsZero(), came >= affordQuiet:
		return true
	}
	return came >= afford && float64(g.entered) >= busy*g.entry.Sub(g.shutAt).Seconds()
}

// verdictAt returns when the answer to the current or next scout will be known.
func (g *Gate) verdictAt(now time.Time) time.Time {
	at := later(now, later(g.scouts.next, g.ch.nextScout()))
	if !g.scouts.sent.IsZero() {
		at = g.scouts.sent
	}
	return at.Add(g.m.settled())
}
