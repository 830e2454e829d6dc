package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// trouble notices a server in trouble: calls fail in a row, and more of those that
// were sent since the first one failed than chance can explain.
type trouble struct {
	successes float64 // so far, and in the minute before
	failed    float64 // likewise, those in the row included
	failures  int     // in a row
	since     time.Time
	sent      int // since the first of them
}

func (t *trouble) reset() { t.failures, t.sent = 0, 0 }

// over forgets the row that has closed the gate: it was not chance.
func (t *trouble) over() {
	t.failed -= float64(t.failures)
	t.reset()
}

// success ends a row, unless the call was sent before it began.
func (t *trouble) success(k Ticket) {
	t.successes++
	if t.failures > 0 && k.sent.After(t.since) {
		t.reset()
	}
}

// failure notes a failure and reports whether it means trouble. Calls that were
// under way when the first one failed are no further failures: a connection that
// is lost fails them all at once. Timeouts are, since they come one by one.
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

// chance reports whether so many failures among so many calls can be chance, as
// often as calls failed before. A call without an answer counts as one that has not
// failed, because failures are often quicker.
func (t *trouble) chance() bool {
	before := max(t.failed-float64(t.failures), 0)
	q := max(before/(before+t.successes), seldom)
	return chance(t.failures, max(t.sent+1, t.failures), q, unlikely)
}
