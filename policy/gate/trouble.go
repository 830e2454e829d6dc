package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// trouble notices a server in trouble: calls fail in a row, and at least half of
// those that were sent since the first one failed have failed as well.
type trouble struct {
	successes float64 // so far, and in the minute before
	failures  int     // in a row
	since     time.Time
	sent      int // since the first of them
}

func (t *trouble) reset() { t.failures, t.sent = 0, 0 }

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
	return t.successes >= float64(c.Healthy) && t.failures >= c.Failures && 2*(t.failures-1) >= t.sent
}
