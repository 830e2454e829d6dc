package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// Waiter is a call at the gate. The owner makes one Waiter per call and keeps the Waiter
// for all attempts, so that a refused call comes back to its place and not to the end of
// the queue.
type Waiter struct {
	// Deadline is when waiting becomes useless; zero for never.
	Deadline time.Time
	// Due is the end of the hint in this call's own last refusal; zero if the call was not
	// refused. The call does not leave the gate before Due.
	Due time.Time
	// Again says that the call has made an attempt before, at the gate or without a gate.
	// The call is then no scout.
	Again bool
	// Size is the size of the request in bytes; zero if unknown.
	Size int
	// Cost is what the call takes of a limit that is known, beside one request.
	Cost policy.Cost
	// Told says that the caller has told the cost, so that it is no guess by the size. Limits of
	// tokens and items that a refusal names are for such calls.
	Told bool
	// Usual says that the cost is unknown as yet: the usual cost stands in, until [Gate.Used].
	Usual bool
	// Priority says who goes first.
	Priority policy.Priority
	// Owner is for the use of the owner.
	Owner any

	ticket Ticket
	takes  amount    // what the call takes of the known limits
	came   time.Time // first arrival
	number uint64    // place in the order of arrival
	band   band      // in the queue: the priority
	in     *queue    // the queue with this order

	prev, next             *Waiter
	queued, resting, given bool

	at    time.Time // if queued, when the call leaves regardless of the gate; if resting, Due
	place int       // place in the heap of these times, from 1; zero for none
}

// Ticket returns the ticket of a call that has gone through.
func (w *Waiter) Ticket() Ticket { return w.ticket }

// queue holds the waiting calls by priority, and those of a priority in order of first arrival.
// The links are in the calls themselves, so that waiting needs no extra memory and leaving takes
// no search.
type queue struct {
	n           int
	takes       amount // what the calls take together
	numbers     uint64
	first, last *Waiter
	bands       [bands]queued
	limits      timed // calls that leave at a time regardless of the gate
	given       told  // given up, not yet told
	freed       told  // may go, not yet told
}

// arrive gives a call that is new to the queue a place in the order.
func (q *queue) arrive(w *Waiter) {
	if w.in != q {
		q.numbers++
		w.in, w.number = q, q.numbers
	}
}

// ahead are the calls with an earlier turn.
type ahead struct {
	calls int
	take  amount // of the known limits, together
}

// and adds calls.
func (a ahead) and(b ahead) ahead { return ahead{a.calls + b.calls, a.take.plus(b.take)} }

// with adds a call.
func (a ahead) with(w *Waiter) ahead { return ahead{a.calls + 1, a.take.plus(w.takes)} }

// insert puts a call into its place and returns the calls ahead.
func (q *queue) insert(now time.Time, w *Waiter) (before ahead) {
	b := &q.bands[w.band]
	before = q.above(w.band)
	after := q.lastAbove(w.band)
	switch {
	case b.last == nil:
		b.begin(now)
	case b.last.number < w.number:
		after, before = b.last, before.and(b.all)
	default: // a returning call: its place is near the front
		for other := b.first; other.number < w.number; other = other.next {
			after = other
			before = before.with(other)
		}
	}
	b.insert(w, after)
	w.prev = after
	if after == nil {
		w.next = q.first
		q.first = w
	} else {
		w.next = after.next
		after.next = w
	}
	if w.next == nil {
		q.last = w
	} else {
		w.next.prev = w
	}
	w.queued = true
	q.n++
	q.takes = q.takes.plus(w.takes)
	return before
}

// before returns the calls ahead of a call, whether the call waits or not.
func (q *queue) before(w *Waiter) (before ahead) {
	in := &q.bands[w.band]
	before = q.above(w.band)
	if w.in != q || in.last == nil || in.last.number < w.number {
		return before.and(in.all)
	}
	for other := in.first; other.number < w.number; other = other.next {
		before = before.with(other)
	}
	return before
}

// remove takes a call out of the queue, if present.
func (q *queue) remove(w *Waiter) {
	if w.given { // not told yet, and no longer interested
		w.given = false
	}
	if !w.queued {
		return
	}
	w.queued = false
	q.bands[w.band].remove(w)
	q.n--
	q.takes = q.takes.minus(w.takes)
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	q.limits.remove(w)
}

// fresh returns the first call without an attempt, or nil.
func (q *queue) fresh() *Waiter {
	w := q.first
	for w != nil && w.Again {
		w = w.next
	}
	return w
}

// giveUp removes a call whose turn cannot come. Admit tells the call later.
func (q *queue) giveUp(w *Waiter) {
	q.remove(w)
	q.given.add(w)
}

// free removes a call that may go. Admit tells the call later.
func (q *queue) free(w *Waiter) {
	q.remove(w)
	q.freed.add(w)
}

// told holds calls that left the queue and were not told yet.
type told []*Waiter

func (t *told) add(w *Waiter) {
	w.given = true
	*t = append(*t, w)
}

// next returns one of the calls, or nil. Calls that have left since are skipped.
func (t *told) next() *Waiter {
	for len(*t) > 0 {
		w := (*t)[0]
		*t = (*t)[1:]
		if w.given {
			w.given = false
			return w
		}
	}
	*t = nil
	return nil
}

// share returns the time per waiting call if the last call is to leave in time. Calls of the
// lowest band have time.
func (q *queue) share(now time.Time) time.Duration {
	w := q.lastAbove(lowest)
	if w == nil {
		return forever
	}
	end := w.Deadline
	if end.IsZero() {
		end = w.at
	}
	return max(end.Sub(now), 0) / time.Duration(q.above(lowest).calls+1)
}
