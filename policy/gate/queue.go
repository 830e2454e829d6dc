package gate

import "time"

// Waiter is a call at the gate. Its owner makes one for each call and keeps it
// for all its attempts, so that a call that was refused comes back to its place
// and not to the end of the queue.
type Waiter struct {
	// Deadline is when waiting is of no use any more; zero for never.
	Deadline time.Time
	// Due is when the server will take this very call, as its last refusal has said;
	// zero if it was not refused. It does not leave the gate before.
	Due time.Time
	// Again says that the call has made an attempt before, at the gate or without
	// one. It is no scout then.
	Again bool
	// Size is how large the request is, in bytes; zero if that is not known.
	Size int
	// Owner is for its owner.
	Owner any

	ticket Ticket
	came   time.Time // first
	number uint64    // its place in the order of arrival at the gate in
	in     *queue    // whose order it is

	prev, next             *Waiter
	queued, resting, given bool

	at    time.Time // its limit if it is queued: when it leaves whatever holds; its due if it rests
	place int       // in the heap for these; zero for none
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
	limits      timed // those that leave at a time whatever holds
	given       told  // given up, not yet told
	freed       told  // may go, not yet told
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
	q.limits.remove(w)
}

// fresh returns the first call that has made no attempt, or nil.
func (q *queue) fresh() *Waiter {
	w := q.first
	for w != nil && w.Again {
		w = w.next
	}
	return w
}

// giveUp takes a call out that has to be told, because its turn cannot come.
func (q *queue) giveUp(w *Waiter) {
	q.remove(w)
	q.given.add(w)
}

// free takes a call out that has to be told, because it may go.
func (q *queue) free(w *Waiter) {
	q.remove(w)
	q.freed.add(w)
}

// told is calls that left the queue and were not told yet.
type told []*Waiter

func (t *told) add(w *Waiter) {
	w.given = true
	*t = append(*t, w)
}

// next returns one of them, or nil. Those that have left since are none.
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

// share returns the time for each of the calls that wait, if the last is to
// leave in time.
func (q *queue) share(now time.Time) time.Duration {
	w := q.last
	if w == nil {
		return forever
	}
	end := w.Deadline
	if end.IsZero() {
		end = w.at
	}
	return max(end.Sub(now), 0) / time.Duration(q.n+1)
}
