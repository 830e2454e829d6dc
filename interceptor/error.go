package interceptor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy"
)

// Attempt is one failed attempt in the history of an [Error].
type Attempt struct {
	// Code, Class, Reach, Rule and Reason describe the failure. Reason is as the server
	// sent it, of any length and with any bytes.
	Code   grpccodes.Code
	Class  codes.Class
	Reach  codes.Reach
	Rule   string
	Reason string
	// Wait is the wait after the attempt; zero after the last.
	Wait time.Duration
	// Fallback is true for an attempt with the request of [WithFallback].
	Fallback bool
	// TargetName is the Name of the [Target] of the attempt; empty for the call as it is.
	TargetName string
}

// Error is the error of a call that failed for good after retries, or that was not
// retried for a reason the caller can change. An Error does not change once made.
//
// The status of an Error is one of these:
//
//   - the whole status of the last attempt: code, message and details;
//   - the status of the caller's context, if the context ended a wait;
//   - INTERNAL, if a function of the caller panicked;
//   - for a call turned away by the gate (see [WithGate]), the status of the refusal
//     that closed the gate, with the time still to wait as RetryInfo.
//
// Unwrap leads to the last error of the server in all cases. The text of an Error adds
// codes, rules and reasons to the server's own text, never messages.
type Error struct {
	// Method is the full name of the method, or the name given to Do.
	Method string
	// Attempts are the failed attempts in order; for a resumed stream, only those since
	// its last message.
	Attempts []Attempt
	// Failure is the classification of the last failure.
	Failure codes.Failure
	// Why is the rule that ended the call.
	Why policy.Why
	// Advice names the option that would have let the call go on; empty for none.
	Advice string

	err     error // of the last attempt
	instead error // what ended the call in place of err: the context, or a hook
	hook    error // returned by a hook
	turned  *turned
	status  *status.Status
}

// newError returns the error of a call with this ending.
func (c *call) newError(ending ending) *Error {
	e := &Error{
		Method: c.method, Attempts: slices.Clone(c.history), Failure: c.failure, Why: c.decision.Why, Advice: c.advice(),
		err: c.err, instead: ending.instead, hook: ending.hook, turned: ending.turned,
	}
	if e.Advice == "" && c.brokeMidway() {
		e.Advice = resumeAdvice
	}
	last := ending.instead
	if last == nil {
		last = c.err
	}
	e.status, _ = codes.StatusOf(last)
	if e.turned != nil {
		e.status = e.turned.status(e.status, c.barred)
	}
	return e
}

// advice returns what the caller can change so that the next such call is retried, or
// an empty string.
func (c *call) advice() string {
	switch c.decision.Why {
	case policy.NotRepeatable:
		if c.state.NotRepeatable && !c.failure.MayHaveRun && c.failure.Code == grpccodes.Unavailable && c.failure.Reach == codes.Answered {
			return "NotRepeatable() takes no UNAVAILABLE for proof that nothing ran: interceptor.NotRepeatable(interceptor.TrustUnavailable()) does"
		}
		if c.state.NotRepeatable {
			return "the method may have run, and was declared interceptor.NotRepeatable()"
		}
		return "the method may have run: interceptor.Repeatable() allows to run it again"
	case policy.BudgetExhausted:
		if c.state.OwnTimeout {
			return "a retry after an attempt timeout is paid for by earlier successes, ten for each: interceptor.WithoutBudget() lifts that"
		}
		return "too many calls of the connection are being retried: interceptor.WithBudget allows more"
	case policy.Committed:
		return c.unkept.Advice()
	case policy.GateClosed:
		return "the calls of this quota wait together: interceptor.WithoutGate() switches this off"
	default:
		return ""
	}
}

// Error returns the history in short and the text of the last error. The method name,
// each reason, and each text of the server, of the context or of a caller's function is
// printable and at most 512 bytes long: control characters, line breaks and invalid
// UTF-8 are escaped as in Go, and a cut text says how many bytes are missing. The
// status, Unwrap and the fields hold the full texts.
func (e *Error) Error() string {
	var b strings.Builder
	if e.turned != nil && len(e.Attempts) == 0 {
		fmt.Fprintf(&b, "%s %v: %s", foreign.Text(e.Method), e.turned, printed(e.err))
		return b.String()
	}
	fmt.Fprintf(&b, "%s %s (%v) after %d ", foreign.Text(e.Method), verdict(e.Why), e.Why, len(e.Attempts))
	if len(e.Attempts) == 1 {
		b.WriteString("attempt [")
	} else {
		b.WriteString("attempts [")
	}
	for i, a := range e.Attempts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%v %s", a.Code, a.Rule)
		if a.Reason != "" {
			fmt.Fprintf(&b, " %s", foreign.Text(a.Reason))
		}
		if a.Fallback {
			b.WriteString(" (fallback)")
		}
		if a.TargetName != "" {
			fmt.Fprintf(&b, " (at %s)", foreign.Text(a.TargetName))
		}
	}
	b.WriteString("]")
	if e.turned != nil { // with its advice
		fmt.Fprintf(&b, "; %v", e.turned)
	} else if e.Advice != "" {
		fmt.Fprintf(&b, "; %s", e.Advice)
	}
	for _, err := range []error{e.hook, e.instead} {
		if err != nil {
			fmt.Fprintf(&b, ": %s", printed(err))
		}
	}
	fmt.Fprintf(&b, ": %s", printed(e.err))
	return b.String()
}

// verdict returns how a call has ended.
func verdict(why policy.Why) string {
	switch why {
	case policy.CallerEnded:
		return "was ended by the caller"
	case policy.ClassExhausted, policy.AttemptsExhausted, policy.ElapsedExhausted, policy.DeadlineTooNear, policy.HintTooLong,
		policy.PushbackStop, policy.BudgetExhausted, policy.GateClosed, policy.BreakerOpen: // a later call may succeed
		return "gave up"
	default:
		return "failed for good"
	}
}

// printed returns the text of a foreign error, printable and bounded.
func printed(err error) string { return foreign.Text(fmt.Sprint(err)) }

// Unwrap returns the error of the last attempt.
func (e *Error) Unwrap() error { return e.err }

// GRPCStatus returns the status of the last attempt, or the status of what ended the
// call instead: the context, or INTERNAL for a function of the caller.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Is reports whether target matches the error of the context that ended a wait
// (context.Canceled or context.DeadlineExceeded) or an error returned by a function of
// the caller.
func (e *Error) Is(target error) bool {
	return (e.instead != nil && errors.Is(e.instead, target)) || (e.hook != nil && errors.Is(e.hook, target))
}

// FailureOf returns the failure behind err: the Failure of the [Error] in its chain, or
// else the classification of the status alone. The status alone tells less, because the
// error of a call with a single attempt carries no evidence: Reach is codes.Lost, and a
// deadline of the caller looks like a deadline of the server. A nil error gives the
// zero Failure.
func FailureOf(err error) codes.Failure {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Failure
	}
	return codes.Classify(err, codes.Evidence{})
}

// RetryAfter returns how long after the last attempt a new call is worthwhile, by the
// hint of the server or by what is known of the quota; for a call turned away by the
// gate, the time still to wait. RetryAfter reports false if nothing is known, or if the
// failure is permanent and the server named no time.
func RetryAfter(err error) (time.Duration, bool) {
	f := FailureOf(err)
	after := max(f.Delay, f.RetryAfter)
	return after, after > 0
}
