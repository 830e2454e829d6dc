package gate

import "time"

// row counts refusals with no accepted call in between.
type row struct {
	n       int
	calls   int       // calls sent since the first refusal
	since   time.Time // when the first refusal arrived
	witness time.Time // send time of an unanswered call since the row began or the last row ended; zero for none
}

func (r *row) end() { r.n, r.calls, r.witness = 0, 0, time.Time{} }

// sent notes a sent call.
func (r *row) sent(now time.Time) {
	r.calls++
	if r.witness.IsZero() {
		r.witness = now
	}
}

// accepted notes the success of a call sent at a time. The row ends if the call was sent
// after the first refusal.
func (r *row) accepted(sent time.Time) {
	if sent.After(r.since) {
		r.end()
	}
}

// refused notes a refusal and reports whether the refusal extends the row. Calls under way
// at the first refusal do not extend the row: one cause refused them all.
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
