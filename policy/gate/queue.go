package gate

import "time"

// Waiter is a call at the gate. Its owner makes one for each call and keeps it
// for all its attempts, so that a call that was refused comes back to its place
// and not to the end of the queue.
type Waiter struct {
	// Deadline is when waiting is of no use any more; zero for never.
	Deadline time.Time
	// Again says that the call has made an attempt before, at the gate or without
	// one.
	Again bool
	// Owner is for its owner.
	Owner any

	ticket Ticket
	came   time.Time // first
	number uint64    // its place in the order of arrival at the gate in
	in     *queue    // whose order it is
	limit  time.Time // when it goes through whatever holds

	prev, next             *Waiter
	prevLimit, nextLimit   *Waiter
	queued, limited, given bool
}

// Ticket returns the ticket of a call that has gone through.
func (w *Waiter) Ticket() Ticket { return w.ticket }

// queue is the calls that wait, in the order in which they first came. It is
// linked through the calls themselves, so that waiting costs no memory of its
// own and leaving no time.
type queue struct {
	n           int
	numbers     uint64
	first, last *Waiter
	// Those with a limit, in its order.
	firstLimit, lastLimit *Waiter
	given                 []*Waiter // given up, not yet told
}

// arrive gives a call that is new here its place in the order.
func (q *queue) arrive(w *Waiter) {
	if w.in != q {
		q.numbers++
		w.in, w.number = q, q.numbers
	}
}

// insert puts a call into its place and returns how many are before it.
func (q *queue) insert(w *Waiter) (ahead int) {
	ahead = q.n
	after := q.last
	if after != nil && after.number > w.number { // it comes back: its place is near the front
		after = nil
		ahead = 0
		for before := q.first; before.number < w.number; before = before.next {
			after = before
			ahead++
		}
	}
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
	return ahead
}

// limit notes the limit of a call; none is before that of those noted earlier.
func (q *queue) limit(w *Waiter) {
	w.limited = true
	w.prevLimit, w.nextLimit = q.lastLimit, nil
	if q.lastLimit == nil {
		q.firstLimit = w
	} else {
		q.lastLimit.nextLimit = w
	}
	q.lastLimit = w
}

// remove takes a call out, if it is in.
func (q *queue) remove(w *Waiter) {
	if w.given { // it was not told yet, and no longer wants to know
		w.given = false
	}
	if !w.queued {
		return
	}
	w.queued = false
	q.n--
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
	if !w.limited {
		return
	}
	w.limited = false
	if w.prevLimit == nil {
		q.firstLimit = w.nextLimit
	} else {
		w.prevLimit.nextLimit = w.nextLimit
	}
	if w.nextLimit == nil {
		q.lastLimit = w.prevLimit
	} else {
		w.nextLimit.prevLimit = w.prevLimit
	}
	w.prevLimit, w.nextLimit = nil, nil
}

// giveUp takes a call out that has to be told.
func (q *queue) giveUp(w *Waiter) {
	q.remove(w)
	w.given = true
	q.given = append(q.given, w)
}

// givenUp returns a call that was given up and was not told yet, or nil.
func (q *queue) givenUp() *Waiter {
	for len(q.given) > 0 {
		w := q.given[0]
		q.given = q.given[1:]
		if w.given {
			w.given = false
			return w
		}
	}
	q.given = nil
	return nil
}

// overdue returns the call that has waited for too long, or nil.
func (q *queue) overdue(now time.Time) *Waiter {
	if w := q.firstLimit; w != nil && !now.Before(w.limit) {
		return w
	}
	return nil
}

// nextLimit returns the first limit, or zero.
func (q *queue) nextLimit() time.Time {
	if q.firstLimit == nil {
		return time.Time{}
	}
	return q.firstLimit.limit
}

// share returns the time for each of the calls that wait, if the last is to
// leave in time.
func (q *queue) share(now time.Time) time.Duration {
	w := q.last
	if w == nil {
		return forever
	}
	end := w.Deadline
	if end.IsZero() {
		end = w.limit
	}
	return max(end.Sub(now), 0) / time.Duration(q.n+1)
}
