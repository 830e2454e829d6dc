package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// A band holds the waiting calls of a priority. A higher band goes first. No band starves: a
// lower band has a turn out of order now and then.

const (
	// turnEvery and turnAfter say when a band has a turn out of order: so long after the
	// last turn, and after so many calls of other bands. Judgement: with a call every ten
	// seconds a batch goes on, at a small part of the load; where calls leave more slowly, a
	// fifth of the calls is such a part.
	turnEvery = 10 * time.Second
	turnAfter = 4
	// sweepEvery is how often calls are told about the loss of a turn to a higher band.
	// Judgement: a look at thousands of waiting calls takes a millisecond.
	sweepEvery = time.Second
)

// band is a priority. The highest is 0.
type band uint8

const bands = 3

// lowest is the band of policy.LowPriority.
const lowest band = bands - 1

func bandOf(p policy.Priority) band {
	switch p {
	case policy.HighPriority:
		return 0
	case policy.LowPriority:
		return lowest
	default:
		return 1
	}
}

// queued are the calls of a band.
type queued struct {
	first, last *Waiter // nil for none
	all         ahead
	due         time.Time // of a turn out of order
	others      int       // calls of other bands since the last turn
}

// begin starts the wait for a turn out of order.
func (b *queued) begin(now time.Time) { b.due, b.others = now.Add(turnEvery), 0 }

// mayTurn reports whether a call may go out of order.
func (b *queued) mayTurn(now time.Time, w *Waiter) bool {
	return w != nil && w == b.first && b.others >= turnAfter && !b.due.After(now)
}

// insert adds a call after another, which may be of a higher band.
func (b *queued) insert(w, after *Waiter) {
	b.all = b.all.with(w)
	if b.first == nil || after == b.first.prev {
		b.first = w
	}
	if b.last == nil || after == b.last {
		b.last = w
	}
}

// remove removes a call, whose links are still in place.
func (b *queued) remove(w *Waiter) {
	b.all = ahead{b.all.calls - 1, b.all.take.minus(w.takes)}
	switch {
	case b.first == w && b.last == w:
		b.first, b.last = nil, nil
	case b.first == w:
		b.first = w.next
	case b.last == w:
		b.last = w.prev
	}
}

// above returns the calls of all higher bands.
func (q *queue) above(b band) (all ahead) {
	for i := range b {
		all = all.and(q.bands[i].all)
	}
	return all
}

// lastAbove returns the last call of the higher bands, or nil.
func (q *queue) lastAbove(b band) *Waiter {
	for ; b > 0; b-- {
		if w := q.bands[b-1].last; w != nil {
			return w
		}
	}
	return nil
}

// head returns the call whose turn is next, or nil.
func (q *queue) head(now time.Time) *Waiter {
	w := q.first
	if w == nil || w.band == q.last.band {
		return w
	}
	due := now
	for i := range q.bands {
		b := &q.bands[i]
		if b.first != q.first && b.mayTurn(due, b.first) {
			w, due = b.first, b.due
		}
	}
	return w
}

// went notes the passing of a call.
func (q *queue) went(now time.Time, b band) {
	if q.n == 0 {
		return
	}
	for i := range q.bands {
		q.bands[i].others++
	}
	q.bands[b].begin(now)
}

// overtakes reports whether calls of a lower band wait behind a call.
func (q *queue) overtakes(w *Waiter) bool { return q.last.band > w.band }

// oldest returns the arrival of the longest waiting call above the lowest band; zero for none.
func (q *queue) oldest() (came time.Time) {
	for i := range lowest {
		if w := q.bands[i].first; w != nil && (came.IsZero() || w.came.Before(came)) {
			came = w.came
		}
	}
	return came
}
