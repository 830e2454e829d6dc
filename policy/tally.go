package policy

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// Tally counts what a call has done, from its first failed attempt on, and holds it as
// the [State] that [Decide] is asked with. The caller sets what is resolved of the
// method, and what only the caller can know of a failure: OwnTimeout, AtGate and
// CanRefresh.
//
// After each failure call Failed, Decide and Pay; then Retry when the retry begins, or
// Refund if it does not. The zero value is a call that has not failed. It is not safe
// for concurrent use.
type Tally struct {
	State
	// Earlier is how many attempts were made that do not count: those before a Restart,
	// and refused scouts.
	Earlier int
	// Scouts is how many scouts of a gate were refused since the last Restart.
	Scouts int

	firstEnded time.Time // zero for not yet
	scouted    bool      // the last attempt was a scout, and was refused
	paid       Account   // for a retry that has yet to begin
}

// Failed notes that an attempt has failed. deadline is the caller's; zero for none.
func (t *Tally) Failed(now, deadline time.Time) {
	if t.firstEnded.IsZero() {
		t.firstEnded = now
	}
	t.Attempts = max(t.Attempts, 1)
	t.Elapsed = t.ElapsedAt(now)
	t.Deadline = !deadline.IsZero()
	if t.Deadline {
		t.Remaining = deadline.Sub(now)
	}
	t.scouted = false
}

// Scouted notes that the attempt that has failed was a refused scout of a gate: it
// counts neither as an attempt nor against its row.
func (t *Tally) Scouted() { t.scouted = true }

// ElapsedAt returns the time from the end of the first attempt until now. It is
// meaningless before that.
func (t *Tally) ElapsedAt(now time.Time) time.Duration { return now.Sub(t.firstEnded) }

// Made returns how many attempts were made: 1 or more.
func (t *Tally) Made() int { return t.Earlier + max(t.Attempts, 1) }

// Decide decides as [Decide] does, with the tokens that the budget holds.
func (t *Tally) Decide(b *Budget, f codes.Failure, u float64) Decision {
	t.Tokens, t.Earned = b.Held()
	return t.decide(&f, u)
}

// Pay takes from the budget what the retry costs that d orders, and returns d. If
// another call was quicker, it returns what is decided without tokens.
func (t *Tally) Pay(b *Budget, d Decision, f codes.Failure, u float64) Decision {
	if !d.Retry {
		return d
	}
	if !b.Take(d.Pays) {
		t.Tokens, t.Earned = 0, 0
		if d = t.decide(&f, u); !d.Retry {
			return d
		}
	}
	t.paid = d.Pays
	return d
}

// decide leaves a refused scout out of the attempts.
func (t *Tally) decide(f *codes.Failure, u float64) Decision {
	if !t.scouted {
		return Decide(t.State, *f, u)
	}
	t.Attempts--
	d := Decide(t.State, *f, u)
	t.Attempts++
	return d
}

// Retry counts the retry that d orders and that begins now.
func (t *Tally) Retry(d Decision) {
	t.paid = Free
	if t.scouted {
		t.scouted = false
		t.Scouts++
		t.Earlier++
		return
	}
	t.State = t.Count(d)
}

// Refund returns to the budget what was taken for a retry that does not begin; without
// effect if there is none.
func (t *Tally) Refund(b *Budget) {
	b.Return(t.paid)
	t.paid = Free
}

// Restart counts anew from an attempt before which so many were made: another request
// has taken the place of the first, or something was delivered.
func (t *Tally) Restart(earlier int) {
	t.Earlier, t.Attempts, t.Scouts, t.scouted = earlier, 1, 0, false
	t.Retries, t.Exponents = [codes.NumClasses]int{}, [codes.NumClasses]int{}
	t.OwnTimeout = false
	t.firstEnded = time.Time{}
}
