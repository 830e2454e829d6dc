package gate

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

const (
	// unlikely is the chance at which a row of failures is taken for no chance.
	// Judgement: a false alarm costs a fraction of a second, and a real one is to
	// be raised within seconds.
	unlikely = 1e-3
	// seldom is how often calls fail at least where none was seen to. Judgement:
	// with fewer than a hundred calls no one can tell.
	seldom = 0.01
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
// often as calls failed before. It goes by Chernoff's bound: of n calls that fail
// with probability q, the share x or more fail with probability exp(-n*D) at most,
// where D = x ln(x/q) + (1-x) ln((1-x)/(1-q)). A call that was not answered yet counts
// as one that has not failed, because failures are often quicker.
func (t *trouble) chance() bool {
	before := max(t.failed-float64(t.failures), 0)
	q := max(before/(before+t.successes), seldom)
	n := float64(max(t.sent+1, t.failures))
	x := float64(t.failures) / n
	if x <= q {
		return true
	}
	d := x * math.Log(x/q)
	if x < 1 {
		d += (1 - x) * math.Log((1-x)/(1-q))
	}
	return n*d < -math.Log(unlikely)
}
