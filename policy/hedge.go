package policy

import "time"

// Hedging is what the failure of one attempt means for a call whose attempts
// run beside each other (gRFC A6).
type Hedging uint8

// What follows for a hedged call.
const (
	// Fatal: the call fails, and the attempts under way are cancelled.
	Fatal Hedging = iota
	// Next: the next attempt starts after the wait, at once if that is zero.
	Next
	// NoMore: no further attempt starts; those under way may still succeed.
	NoMore
)

// Hedging returns what this decision about a failed attempt means for a hedged
// call, and how long the next attempt has to be held back. A failure that is
// worth a retry starts the next attempt at once, without the backoff: that is
// what hedging is for. Only what the server asked for is waited out.
func (d Decision) Hedging() (Hedging, time.Duration) {
	if d.Retry {
		switch d.Why {
		case Hint, Pushback:
			return Next, d.Wait
		default:
			return Next, 0
		}
	}
	switch d.Why {
	case ClassExhausted, AttemptsExhausted, PushbackStop, HintTooLong, ElapsedExhausted, DeadlineTooNear, BudgetExhausted:
		return NoMore, 0
	default:
		return Fatal, 0
	}
}
