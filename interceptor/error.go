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
	// Code, Class, Reach, Rule and Reason are those of its failure. Reason is as the
	// server has sent it, of any length and with any bytes.
	Code   grpccodes.Code
	Class  codes.Class
	Reach  codes.Reach
	Rule   string
	Reason string
	// Wait is how long was waited after it; zero after the last.
	Wait time.Duration
	// Fallback says that it was made with the request of [WithFallback].
	Fallback bool
}

// Error is the error of a call that failed for good after retries, or that
// could not be retried for a reason the caller can change. It is made once
// and not changed.
//
// Its status is that of the last attempt whole (code, message, details), or
// that of the caller's context if that ended a wait, or INTERNAL if a function of
// the caller's has panicked. A call that the gate has turned away (see [WithGate])
// has the status of the refusal that closed the gate, with a RetryInfo of what is
// left of the time that the server had named. Unwrap leads to the last error of the server in all
// cases. What the text adds to the server's own
// consists of codes, rules and reasons, never of messages.
type Error struct {
	// Method is the full name of the method, or the name given to Do.
	Method string
	// Attempts are the failed attempts in order; of a stream that was resumed,
	// those since its last message.
	Attempts []Attempt
	// Failure is the classification of the last one.
	Failure codes.Failure
	// Why is the rule that ended the call.
	Why policy.Why
	// Advice names the option that would have allowed a retry, or is empty.
	Advice string

	err     error // of the last attempt
	instead error // what ended the call instead of it: the context, or a hook
	hook    error // what a hook has said
	turned  *turned
	status  *status.Status
}

// newError returns the error of the call that ends so.
func (c *call) newError(ending ending) *Error {
	e := &Error{
		Method: c.method, Attempts: slices.Clone(c.history), Failure: c.failure, Why: c.decision.Why, Advice: c.advice(),
		err: c.err, instead: ending.instead, hook: ending.hook, turned: ending.turned,
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

// advice returns what the caller can do so that the call is retried next
// time, or nothing.
func (c *call) advice() string {
	switch c.decision.Why {
	case policy.NotRepeatable:
		if c.state.NotRepeatable && !c.failure.MayHaveRun && c.failure.Code == grpccodes.Unavailable && c.failure.Reach == codes.Answered {
			return "NotRepeatable() takes no UNAVAILABLE for proof that nothing ran: interceptor.NotRepeatable(interceptor.TrustUnavailable()) does"
		}
		return "the method may have run: interceptor.Repeatable() allows to run it again"
	case policy.BudgetExhausted:
		if c.state.OwnTimeout {
			return "a retry after an attempt timeout is paid for by earlier successes, ten for each: interceptor.WithoutBudget() lifts that"
		}
		return "too many calls of the connection are being retried: interceptor.WithBudget allows more"
	case policy.Committed:
		return c.unkept.Advice()
	default:
		return ""
	}
}

// Error returns the history in short and the text of the last error. The name of the
// method, each reason, and the text of each error of the server, the context or a hook
// is printable and at most 512 bytes long: control characters, line breaks and invalid
// UTF-8 are spelled as in Go, and a longer one says how many bytes were cut. The
// status, Unwrap and the fields have them whole.
func (e *Error) Error() string {
	var b strings.Builder
	if e.turned != nil && len(e.Attempts) == 0 {
		fmt.Fprintf(&b, "%s %v: %s", foreign.Text(e.Method), e.turned, printed(e.err))
		return b.String()
	}
	fmt.Fprintf(&b, "%s failed for good (%v) after %d ", foreign.Text(e.Method), e.Why, len(e.Attempts))
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
	}
	b.WriteString("]")
	if e.Advice != "" {
		fmt.Fprintf(&b, "; %s", e.Advice)
	}
	if e.turned != nil {
		fmt.Fprintf(&b, "; %v", e.turned)
	}
	for _, err := range []error{e.hook, e.instead} {
		if err != nil {
			fmt.Fprintf(&b, ": %s", printed(err))
		}
	}
	fmt.Fprintf(&b, ": %s", printed(e.err))
	return b.String()
}

// printed returns the text of an error that others have made.
func printed(err error) string { return foreign.Text(fmt.Sprint(err)) }

// Unwrap returns the error of the last attempt.
func (e *Error) Unwrap() error { return e.err }

// GRPCStatus returns the status of the last attempt, or of what ended the call
// instead: the context, or INTERNAL for a hook.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Is reports whether target is the error of the context that ended a wait,
// context.Canceled or context.DeadlineExceeded, or what a hook has returned.
func (e *Error) Is(target error) bool {
	return (e.instead != nil && errors.Is(e.instead, target)) || (e.hook != nil && errors.Is(e.hook, target))
}

// FailureOf returns what is known of the failure behind err: that of the
// [Error] in its chain, or else what its status alone tells, which is less
// than what the interceptor knew: the error of a call that was tried once
// carries no evidence, so that its Reach is codes.Lost and a deadline of the
// caller's own looks like the server's. A nil error gives the zero Failure.
func FailureOf(err error) codes.Failure {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Failure
	}
	return codes.Classify(err, codes.Evidence{})
}

// RetryAfter returns how long after the last attempt it is worth to call again,
// as far as the server said so or it is known of its quota; for a call that the gate
// has turned away, what is left of that. It reports false
// where nothing is known, or where the failure is permanent and no time was
// named.
func RetryAfter(err error) (time.Duration, bool) {
	f := FailureOf(err)
	after := max(f.Delay, f.RetryAfter)
	return after, after > 0
}
