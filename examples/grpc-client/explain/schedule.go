package explain

import (
	"fmt"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// retryStep is the decision about one failure, with the dice at either end.
type retryStep struct{ first, last policy.Decision }

// steps returns the decisions until the call ends; at most so many.
func (x *Explanation) steps(most int) (all []retryStep) {
	s := x.state
	for range most {
		at := retryStep{policy.Decide(s, x.failure, 0), policy.Decide(s, x.failure, 1)}
		all = append(all, at)
		if !at.first.Retry {
			break
		}
		s = s.Count(at.first)
		s.Elapsed += at.first.Wait
		s.Remaining -= at.first.Wait
	}
	return all
}

// schedule prints when each retry would be made, until the call ends.
func (x *Explanation) schedule(line func(name, format string, args ...any)) {
	const most = 10 // lines
	for i, at := range x.steps(most + 1) {
		switch {
		case !at.first.Retry:
			line("then", "the call ends with this error: %v%s", at.first.Why, meaning(at.first.Why))
			return
		case i == most:
			line("...", "up to %d retries", x.state.Table[at.first.Class].Retries)
			return
		}
		wait := at.first.Wait.Round(time.Millisecond).String()
		if at.last.Wait > at.first.Wait {
			wait += " to " + at.last.Wait.Round(time.Millisecond).String()
		}
		line(fmt.Sprintf("retry %d", i+1), "after %s (%v)", wait, at.first.Why)
	}
}

// meaning says in words why a call is not retried, where the name does not.
func meaning(why policy.Why) string {
	switch why {
	case policy.NeverRetried:
		return ", waiting does not help, or the table says no"
	case policy.NotRepeatable:
		return ", the server may have acted on the request"
	case policy.HintTooLong:
		return ", the server asks for more than is waited out"
	case policy.DeadlineTooNear:
		return ", the wait does not fit into the timeout of the method"
	default:
		return ""
	}
}
