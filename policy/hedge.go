package policy

import "time"

// Hedging is the effect of one failed attempt on a hedged call, whose attempts run in parallel
// (gRFC A6).
type Hedging uint8

// The effects on a hedged call.
const (
	// Fatal: the call fails, and the attempts under way are cancelled.
	Fatal Hedging = iota
	// Next: the next attempt starts after the wait: at once if the wait is zero.
	Next
	// NoMore: no further attempt starts; those under way may still succeed.
	NoMore
)

// Hedging returns the effect of this decision about a failed attempt on a hedged call, and the
// wait before the next attempt. A retriable failure starts the next attempt at once, without
// the backoff: the purpose of hedging. Only a delay asked for by the server is waited out.
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
