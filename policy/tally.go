package policy

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// Tally counts the attempts and retries of a call, from its first failed attempt on, in the
// [State] given to [Decide]. The caller fills in the settings of the method, and the facts
// known only to the caller about a failure: OwnTimeout, AtGate and CanRefresh.
//
// After each failure call Failed, Decide and Pay; then Retry when the retry begins, or Refund
// otherwise. The zero value is a call without a failure. A Tally is not safe for concurrent
// use.
type Tally struct {
	State
	// Earlier is the number of attempts made but not counted: attempts before a Restart, and
	// refused scouts.
	Earlier int
	// Scouts is the number of refused scouts of a gate since the last Restart.
	Scouts int

	firstEnded time.Time // end of the first attempt; zero before then
	scouted    bool      // the last attempt was a refused scout
	paid       Account   // for a retry not begun yet
}

// Failed records a failed attempt. deadline is the caller's deadline, or zero.
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

// Scouted records that the failed attempt was a refused scout of a gate: the scout counts
// neither as an attempt nor against its row.
func (t *Tally) Scouted() { t.scouted = true }

// ElapsedAt returns the time from the end of the first attempt until now. Before the first end
// the result is meaningless.
func (t *Tally) ElapsedAt(now time.Time) time.Duration { return now.Sub(t.firstEnded) }

// Made returns the number of attempts made: 1 or more.
func (t *Tally) Made() int { return t.Earlier + max(t.Attempts, 1) }

// Prepay records that an [Earned] token was taken for the retry before the decision. Pay uses
// or returns the token.
func (t *Tally) Prepay() { t.paid = Earned }

// Decide calls [Decide] with the tokens held by the budget.
func (t *Tally) Decide(b *Budget, f codes.Failure, u float64) Decision {
	t.Tokens, t.Earned = b.Held()
	if t.paid == Earned {
		t.Earned++
	}
	return t.decide(&f, u)
}

// Pay takes the price of the retry ordered by d from the budget, and returns d. If another call
// took the last token first, Pay returns the decision for an empty budget.
func (t *Tally) Pay(b *Budget, d Decision, f codes.Failure, u float64) Decision {
	if d.Retry && d.Pays == t.paid {
		return d
	}
	t.Refund(b)
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

// decide does not count a refused scout as an attempt.
func (t *Tally) decide(f *codes.Failure, u float64) Decision {
	if !t.scouted {
		return Decide(t.State, *f, u)
	}
	t.Attempts--
	d := Decide(t.State, *f, u)
	t.Attempts++
	return d
}

// Retry counts the retry ordered by d, now beginning. After a refused scout a retry of another
// row counts all the same: it goes elsewhere.
func (t *Tally) Retry(d Decision) {
	t.paid = Free
	if t.scouted {
		t.scouted = false
		t.Scouts++
		t.Earlier++
		if d.Class == codes.Quota {
			return
		}
		t.Attempts--
	}
	t.State = t.Count(d)
}

// Refund returns the token of a retry that does not begin to the budget. Without such a token,
// Refund does nothing.
func (t *Tally) Refund(b *Budget) {
	b.Return(t.paid)
	t.paid = Free
}

// Restart resets the counts to one attempt, preceded by this many earlier attempts: another
// request replaced the first, or a part of an answer was delivered.
func (t *Tally) Restart(earlier int) {
	t.Earlier, t.Attempts, t.Scouts, t.scouted = earlier, 1, 0, false
	t.Retries, t.Exponents = [codes.NumClasses]int{}, [codes.NumClasses]int{}
	t.OwnTimeout = false
	t.firstEnded, t.Elapsed = time.Time{}, 0
}
