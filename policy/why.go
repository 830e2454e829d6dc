package policy

import "fmt"

// Why is the rule behind a retry, or behind the end of a call: a log field and a metric label.
// The zero value is no rule.
type Why uint8

// The reasons to retry a call.
const (
	// Unknown is the zero value.
	Unknown Why = iota
	// Backoff: after the row's backoff.
	Backoff
	// Hint: after the delay asked for by the server, or known from its quota.
	Hint
	// Pushback: after the server's grpc-retry-pushback-ms.
	Pushback
	// Refresh: at once, with fresh credentials.
	Refresh
	// NextTarget: at another target, because of the failure at this one.
	NextTarget
)

// The reasons not to retry a call.
const (
	// Success: there was no failure.
	Success Why = iota + NextTarget + 1
	// CallerEnded: the caller's context is done.
	CallerEnded
	// NeverRetried: the class has no retries in the table.
	NeverRetried
	// NotRepeatable: the server may have acted on the request, and the method is not known to
	// be safe to run twice.
	NotRepeatable
	// ClassExhausted: the retries of the class are used up.
	ClassExhausted
	// AttemptsExhausted: the attempts of the call are used up.
	AttemptsExhausted
	// PushbackStop: the server asked for no further attempt.
	PushbackStop
	// HintTooLong: the server asked for a longer wait than allowed.
	HintTooLong
	// ElapsedExhausted: the next attempt would start too late after the first.
	ElapsedExhausted
	// DeadlineTooNear: the wait does not fit into the caller's time.
	DeadlineTooNear
	// BudgetExhausted: no token is left to pay with.
	BudgetExhausted
	// Committed: the caller has seen a part of the answer, or the request was too large to
	// keep.
	Committed
	// RetriedBelow: according to the error, a layer below has already retried.
	RetriedBelow
	// Disabled: retries are switched off for this call.
	Disabled
	// RefreshFailed: the credentials could not be refreshed.
	RefreshFailed
	// HookFailed: a function of the caller panicked or returned a nonsensical answer.
	HookFailed
	// GateClosed: the calls of the channel wait for the server, and this call's turn cannot
	// come before its deadline.
	GateClosed
	// BreakerOpen: the circuit breaker lets nothing through.
	BreakerOpen
)

// String returns the name used in logs and metrics, or "Why(n)" for an unknown number.
func (w Why) String() string {
	switch w {
	case Unknown:
		return "unknown"
	case Backoff:
		return "backoff"
	case Hint:
		return "hint"
	case Pushback:
		return "pushback"
	case Refresh:
		return "refresh"
	case NextTarget:
		return "next-target"
	case Success:
		return "success"
	case CallerEnded:
		return "caller-ended"
	case NeverRetried:
		return "never-retried"
	case NotRepeatable:
		return "not-repeatable"
	case ClassExhausted:
		return "class-exhausted"
	case AttemptsExhausted:
		return "attempts-exhausted"
	case PushbackStop:
		return "pushback-stop"
	case HintTooLong:
		return "hint-too-long"
	case ElapsedExhausted:
		return "elapsed-exhausted"
	case DeadlineTooNear:
		return "deadline-too-near"
	case BudgetExhausted:
		return "budget-exhausted"
	case Committed:
		return "committed"
	case RetriedBelow:
		return "retried-below"
	case Disabled:
		return "disabled"
	case RefreshFailed:
		return "refresh-failed"
	case HookFailed:
		return "hook-failed"
	case GateClosed:
		return "gate-closed"
	case BreakerOpen:
		return "breaker-open"
	}
	return fmt.Sprintf("Why(%d)", uint8(w))
}

// MarshalText returns the name.
func (w Why) MarshalText() ([]byte, error) { return []byte(w.String()), nil }
