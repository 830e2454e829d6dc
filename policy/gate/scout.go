package gate

import "time"

const (
	// scoutAfter is when the first scout goes through a closed gate, +-25 % so that
	// clients do not scout together.
	scoutAfter = time.Second
	// scoutDoublings bounds how far the interval between scouts grows: to 32 s.
	// Judgement: a hint of a minute that is no longer true costs half of it.
	scoutDoublings = 5
	// longHint is the least hint during which calls that merely wait may scout.
	// Judgement: of a shorter one the wait is the lesser evil.
	longHint = 5 * time.Second
	// lively is how many calls a channel must have had in the last minute to do so.
	// Judgement: a fleet of clients with a call a minute each would make a request
	// more for every other call.
	lively = 3
	// afford is how many calls must have come since the last scout for another after
	// a shorter hint, and affordQuiet the same where fewer than busy calls come in a
	// second. Measured (bench/fleet, A3 and D1): a fleet of quiet clients makes half as
	// many requests more, while a busy client finds out within a second.
	afford      = 4
	affordQuiet = 16
)

// scouts are the calls that go through a closed gate, one at a time, to find out
// whether the hint is true: one that is accepted opens the gate.
type scouts struct {
	next    time.Time // when the next may go
	early   time.Time // when one may that has no time to wait for the answer of another
	sent    time.Time // when the one under way was sent; zero for none
	trusted time.Time // when the one was sent that counts as accepted without an answer
	from    time.Time // when calls that merely wait may scout
	long    bool      // the hint is long
	recent  int       // calls that were sent in the minute before
	soon    bool      // some call has little time to wait beyond the hint
	urgent  bool      // some call may be lost but for a scout
	came    int       // calls that had come when the last one was sent; negative for none was
}

// begin begins anew, because the gate has closed or is closed for longer.
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

// scout returns the call that is to be the next scout, and when it may go; nil if
// none is to. It is the oldest that has made no attempt, since the head of the queue
// often is the very call that the hint was meant for.
func (g *Gate) scout(now time.Time) (*Waiter, time.Time) {
	if g.state != Closed || !g.scouts.sent.IsZero() {
		return nil, time.Time{}
	}
	at := later(g.scouts.next, g.ch.nextScout())
	w := g.queue.fresh()
	if w == nil {
		return nil, time.Time{}
	}
	if g.scouts.urgent {
		soon := later(g.shutAt.Add(g.asked/4*3), g.ch.nextScout())
		if g.scouts.came < 0 && soon.Before(at) { // one goes in every closing, before the time comes
			at = soon
		}
		if !w.Deadline.IsZero() && !g.verdictAt(now).Before(w.Deadline.Add(-g.need(w))) {
			if early := later(g.scouts.early, g.ch.nextScout()); early.Before(at) {
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

// affords reports whether calls that merely wait may scout. For a long hint the channel
// must not be too quiet; after a short one enough calls must have come since the last
// scout, so that a request that is refused is a small part of them.
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

// verdictAt returns when the next scout's answer will be known.
func (g *Gate) verdictAt(now time.Time) time.Time {
	at := later(now, later(g.scouts.next, g.ch.nextScout()))
	if !g.scouts.sent.IsZero() {
		at = g.scouts.sent
	}
	return at.Add(g.m.settled())
}
