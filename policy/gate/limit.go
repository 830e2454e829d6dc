package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// A known limit is kept before the server has to refuse a call. Limits come from the
// configuration, or from a refusal naming a limit. A configured limit holds for every call. A
// limit named by a refusal is less sure: the server's way of counting and the other users of the
// quota are unknown. Such a limit only spaces waiting calls, and only calls with time to wait, and
// now and then one call tries whether there is room after all.

// Limit puts the configured limits for the key in force.
func (m *Memory) Limit(now time.Time, quotas []policy.Quota) {
	m.meter.set(quotas)
	m.learned = now
}

// Limited reports whether limits are known for the key.
func (m *Memory) Limited() bool { return len(m.meter.spans) > 0 }

// takes returns what a call takes of the limits.
func (m *Memory) takes(w *Waiter) amount {
	if !m.Limited() {
		return amount{}
	}
	a := amountOf(w.Cost)
	if w.Usual {
		for u, n := range m.usual {
			a[u] = max(a[u], int64(n))
		}
	}
	return m.meter.fits(a)
}

// Counts reports whether the call took of a limit.
func (t Ticket) Counts() bool { return t.took != amount{} }

// Used corrects the cost of a call with ticket t; tokens or items of 0 are unknown. The new
// ticket replaces t. over says that the configured limits have no room for the correction.
func (g *Gate) Used(t Ticket, c policy.Cost) (_ Ticket, over bool) {
	if !t.Counts() {
		return t, false
	}
	took := t.took
	for u, n := range amountOf(c) {
		if n > 0 {
			took[u] = n
		}
	}
	took = g.m.meter.fits(took)
	more := took.minus(t.took)
	g.m.meter.correct(t.sent, more)
	t.took = took
	return t, t.kind == plain && g.m.meter.over(more)
}

// Owe lets a call through that was turned away.
func (g *Gate) Owe(now time.Time, w *Waiter) Ticket {
	g.settle(now)
	g.passUnpaced(now, w)
	return w.ticket
}

// usualOf is the number of calls whose mean is the usual cost. Judgement: as for a sample.
const usualOf = sample

// takesUsually notes what a successful call took.
func (m *Memory) takesUsually(took amount) {
	for u := range took {
		if m.usual[u] == 0 {
			m.usual[u] = float64(took[u])
		}
		m.usual[u] += (float64(took[u]) - m.usual[u]) / usualOf
	}
}

// Short returns the configured limit with the longest wait for a call, zero for no wait. A nil
// call stands for a usual call arriving now.
func (g *Gate) Short(now time.Time, w *Waiter) policy.Quota {
	if !g.m.Limited() {
		return policy.Quota{}
	}
	w, before := g.stands(w)
	if !g.room(now, w, before).After(g.opening(now, before.calls)) {
		return policy.Quota{}
	}
	return g.m.meter.short(now, before.with(w).take)
}

// Lowered returns a limit named by the last refusal if the configured limit was is higher. The
// lower one counts from then on, until the configuration changes.
func (g *Gate) Lowered() (to, was policy.Quota, ok bool) {
	to, was = g.lowered.to, g.lowered.was
	ok = g.lowered.told
	g.lowered.told = false
	return to, was, ok
}

// lowering is a configured limit that was lowered.
type lowering struct {
	to, was policy.Quota
	told    bool
}

// room returns when there is room for a call with these calls ahead: when the configured limits
// have room, and those of the lowest band leave room for others, unless they have a turn out of
// order.
func (g *Gate) room(now time.Time, w *Waiter, before ahead) time.Time {
	if w.band != lowest && !g.m.Limited() {
		return now
	}
	return g.roomLimited(now, w, before)
}

// roomLimited is room where there is something to leave. Without inlining, calls that know no
// limit have smaller stack frames.
//
//go:noinline
func (g *Gate) roomLimited(now time.Time, w *Waiter, before ahead) time.Time {
	at := now
	yields := w.band == lowest && !g.queue.bands[lowest].mayTurn(now, w)
	if yields {
		own := before.calls - g.queue.above(lowest).calls
		at = g.yield.at(now, max(own, 0))
	}
	if !g.m.Limited() {
		return at
	}
	takes := g.m.meter.fits(w.takes)
	at = later(at, g.m.meter.configured(now, before.take.plus(takes)))
	if yields {
		own := before.take.minus(g.queue.above(lowest).take)
		at = later(at, g.m.meter.spaced(now, own, takes))
	}
	return at
}

// limited returns when the known limits have room for the first waiting call.
func (g *Gate) limited(now time.Time, w *Waiter) time.Time {
	at := g.room(now, w, ahead{})
	if !g.m.Limited() {
		return at
	}
	takes := g.m.meter.fits(w.takes) // a limit may be lower by now
	named := g.m.meter.named(now, takes)
	if !w.Deadline.IsZero() && !named.Before(w.Deadline.Add(-g.needs(w))) {
		return at
	}
	if t := &g.m.trial; t.sent.IsZero() && t.next.Before(named.Add(-mostSlack)) {
		named = t.next
	}
	return later(at, named)
}

// fillers is how many waiting calls are looked at. Judgement: most of the room is used with a
// few, and a look takes a fraction of a microsecond.
const fillers = 16

// filler returns a waiting call for room too small for the first call, or nil. The first call
// leaves no later.
func (g *Gate) filler(now time.Time) *Waiter {
	first := g.queue.head(now)
	at := g.room(now, first, ahead{})
	if !at.After(now) {
		return nil
	}
	w := first.next
	if first != g.queue.first { // out of order
		w = g.queue.first
	}
	for range fillers {
		if w == nil || w == first {
			return nil
		}
		both := ahead{}.with(first)
		if !w.Due.After(now) && !g.limited(now, w).After(now) && !g.room(now, w, both).After(at) {
			return w
		}
		w = w.next
	}
	return nil
}

// refund gives back the cost of a call refused or failed by the server, or not sent. A call
// without an answer may have been served.
func (g *Gate) refund(now time.Time, t Ticket, f codes.Failure, m meaning) {
	if m == refused {
		g.teach(now, t, f)
	}
	if t.sent.IsZero() {
		return
	}
	switch {
	case m == refused:
		g.m.meter.correct(t.sent, amount{}.minus(t.took))
	case f.Class == codes.None:
		g.m.takesUsually(t.took)
	case f.Reach == codes.Unsent, f.Reach == codes.Answered && f.Class != codes.Ended:
		g.m.meter.correct(t.sent, amount{}.minus(t.took))
	}
	if t.sent.Equal(g.m.trial.sent) {
		g.m.tried(now, m)
	}
}

// teach learns the limit that a refusal names.
func (g *Gate) teach(now time.Time, t Ticket, f codes.Failure) {
	q, ok := policy.TaughtBy(f)
	if !ok {
		return
	}
	g.m.trial.credit = 0
	g.m.trial.delay(now)
	if was, lowered := g.m.meter.teach(q, t.told); lowered {
		q.Pattern = was.Pattern
		g.lowered = lowering{q, was, true}
	}
}
