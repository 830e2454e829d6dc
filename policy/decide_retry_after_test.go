package policy_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDecide_retryAfter: what a server in trouble wishes lengthens the wait up to the
// row's max (30 s), and never ends a call.
func TestDecide_retryAfter(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	asking := func(after time.Duration, changes ...func(*codes.Failure)) codes.Failure {
		f := unavailable()
		f.RetryAfter = after
		for _, change := range changes {
			change(&f)
		}
		return f
	}
	hinted := func(d time.Duration) func(*codes.Failure) {
		return func(f *codes.Failure) { f.Delay, f.Asked = d, true }
	}
	hint := func(wait time.Duration) policy.Decision { return again(codes.Server, wait, policy.Hint) }
	backoff := func(wait time.Duration) policy.Decision { return again(codes.Server, wait, policy.Backoff) }

	runDecideCases(t, []decideCase{
		{"nobody comes back before it", firstFailure(), asking(10 * s), 0, hint(10 * s)},
		{"a quarter is added at most", firstFailure(), asking(10 * s), 1, hint(12500 * ms)},
		{"less than the backoff changes nothing", firstFailure(), asking(s), 0, backoff(2 * s)},
		{"less than the backoff does not narrow it either", firstFailure(), asking(s), 1, backoff(3 * s)},
		{"the row's max is the most", firstFailure(), asking(time.Hour), 0, hint(30 * s)},
		{"the row's max bounds the spread", firstFailure(), asking(29 * s), 1, hint(30 * s)},
		{"a hint that is longer counts", firstFailure(), asking(10*s, hinted(20*s)), 0, hint(20 * s)},
		{"a hint that is shorter does not", firstFailure(), asking(10*s, hinted(4*s)), 0, hint(10 * s)},
		{"a pushback is exact", firstFailure(), pushedBack(asking(10*s), s), 0, again(codes.Server, s, policy.Pushback)},
		{"the deadline cuts it, and the call goes on", firstFailure(left(5 * s)), asking(10 * s), 0, hint(5*s - 1)},
		{"the limit on elapsed time does", firstFailure(elapsed(596 * s)), asking(10 * s), 0, hint(4 * s)},
		{"a deadline that the backoff does not fit into ends the call", firstFailure(left(2 * s)), asking(10 * s), 0, never(codes.Server, policy.DeadlineTooNear)},
		{"less than nothing is none", firstFailure(), asking(-s), 0, backoff(2 * s)},
		{"a row without waits has none", firstFailure(func(s *policy.State) { s.Table[codes.Server] = policy.Policy{Retries: 1} }), asking(10 * s), 0, backoff(0)},
	})
}
