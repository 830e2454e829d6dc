package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// trouble detects a server in trouble: calls fail in a row, and more of the calls sent
// since the first failure fail than chance explains.
type trouble struct {
	successes float64 // so far, and in the minute before the gate was made
	failed    float64 // likewise, including the failures in the row
	failures  int     // in a row
	since     time.Time
	sent      int // since the first failure in the row
}

func (t *trouble) reset() { t.failures, t.sent = 0, 0 }

// over forgets the row that closed the gate: the row was not chance.
func (t *trouble) over() {
	t.failed -= float64(t.failures)
	t.reset()
}

// success ends the row, unless the call was sent before the row began.
func (t *trouble) success(k Ticket) {
	t.successes++
	if t.failures > 0 && k.sent.After(t.since) {
		t.reset()
	}
}

// failure notes a failure and reports whether the server is in trouble. Calls under way at
// the first failure do not extend the row: a lost connection fails them all at once.
// Timeouts do, since they come one by one.
func (t *trouble) failure(now time.Time, k Ticket, class codes.Class, c *policy.GateConfig) bool {
	switch {
	case t.failures == 0:
		t.failures, t.since, t.sent = 1, now, 0
	case k.sent.After(t.since), class == codes.Timeout:
		t.failures++
	}
	t.failed++
	return t.successes >= float64(c.Healthy) && t.failures >= c.Failures && !t.chance()
}

// chance reports whether chance may explain the row, at the failure rate of before. A call
// without an answer counts as not failed, because failures are often quicker.
func (t *trouble) chance() bool {
	before := max(t.failed-float64(t.failures), 0)
	q := max(before/(before+t.successes), seldom)
	return chance(t.failures, max(t.sent+1, t.failures), q, unlikely)
}
