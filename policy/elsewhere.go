package policy

import (
	"fmt"

	"github.com/reinvoke/reinvoke/codes"
)

// Elsewhere says whether a call that failed could go to another target, not tried yet in this
// call and free now. The zero value is no such target.
type Elsewhere uint8

const (
	// Nowhere is no such target.
	Nowhere Elsewhere = iota
	// SameConnection is a target behind the connection of the failed attempt, such as another
	// model of the same service.
	SameConnection
	// OtherConnection is a target behind another connection, such as another region.
	OtherConnection
)

// String returns the name, or "Elsewhere(n)" for an unknown number.
func (e Elsewhere) String() string {
	switch e {
	case Nowhere:
		return "nowhere"
	case SameConnection:
		return "same connection"
	case OtherConnection:
		return "other connection"
	}
	return fmt.Sprintf("Elsewhere(%d)", uint8(e))
}

// move returns the decision to go on at another target, or false. A call refused by one quota
// moves at once and for free, because the refusal says nothing about the next quota. After
// Server, Timeout and Network a move costs a token; the call moves at once over another
// connection, and after the row's backoff over the same connection, whose server may be in
// trouble.
func move(s *State, f *codes.Failure, class codes.Class, row Policy, limits Limits, u float64) (Decision, bool) {
	var wait Range
	charged, pays := class, Free
	switch class {
	case codes.Quota, codes.Spent:
		class = codes.Quota // a spent quota proves as much about what ran
	case codes.Server, codes.Timeout, codes.Network:
		if pays = Tokens; s.OwnTimeout {
			pays = Earned
		}
		if s.Elsewhere == SameConnection {
			wait, _ = waits(s, f, row, class)
		}
		if row.Retries <= 0 || wait.Min > limits.MaxServerDelay {
			return Decision{}, false
		}
	default:
		return Decision{}, false
	}
	stopped := f.Pushback.Set && (f.Pushback.Stop || f.Pushback.Delay < 0) && s.Elsewhere == SameConnection
	left := limits.MaxElapsed - max(s.Elapsed, 0)
	switch {
	case stopped, !s.Codes.Has(f.Code), !repeats(s, f, class), s.Attempts >= limits.MaxAttempts:
		return Decision{}, false
	case wait.Min > left, s.Deadline && wait.Min >= s.Remaining:
		return Decision{}, false
	case pays == Tokens && !(s.Tokens >= 1), pays == Earned && !(s.Earned >= 1):
		return Decision{}, false
	}
	if s.Deadline {
		left = min(left, s.Remaining-1)
	}
	wait.Max = min(wait.Max, left)
	return Decision{Retry: true, Move: true, Wait: wait.at(u), Why: NextTarget, Class: charged, Pays: pays}, true
}
