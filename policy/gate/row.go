package gate

import "time"

// row is refusals between which nothing was accepted.
type row struct {
	n       int
	calls   int       // that were sent since the first of them was answered
	since   time.Time // when the first of them was answered
	witness time.Time // when a call was sent, since then or since the row before, that has no answer yet; zero for none
}

// end ends the row.
func (r *row) end() { r.n, r.calls, r.witness = 0, 0, time.Time{} }

// sent notes that a call was sent.
func (r *row) sent(now time.Time) {
	r.calls++
	if r.witness.IsZero() {
		r.witness = now
	}
}

// accepted takes a success of a call that was sent at a time: it ends the row, unless
// the row has begun since.
func (r *row) accepted(sent time.Time) {
	if sent.After(r.since) {
		r.end()
	}
}

// refused takes a refusal and reports whether it is one more in the row. Calls that
// were under way at the first refusal are not: one cause has refused them all.
func (r *row) refused(now time.Time, t Ticket) bool {
	if r.n == 0 {
		*r = row{n: 1, since: now}
		return true
	}
	if t.sent.Equal(r.witness) {
		r.witness = time.Time{}
	}
	if !t.sent.After(r.since) {
		return false
	}
	r.n++
	return true
}
