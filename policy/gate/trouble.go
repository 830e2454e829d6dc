package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// trouble notices a server in trouble: calls fail one after the other, none
// succeeds, and at least half of those that were sent since the first failure
// have failed.
type trouble struct {
	healthy   bool // there was a success before
	failures  int  // in a row
	since     time.Time
	sentSince int
}

func (t *trouble) none() bool { return t.failures == 0 }

func (t *trouble) reset() { t.failures, t.sentSince = 0, 0 }

// sent notes that a call was sent.
func (t *trouble) sent() { t.sentSince++ }

// success ends a row, unless the call was sent before it began.
func (t *trouble) success(k Ticket, healthy bool) {
	t.healthy = t.healthy || healthy
	if t.failures > 0 && k.sent.After(t.since) {
		t.reset()
	}
}

// failure notes a failure and reports whether it means trouble.
func (t *trouble) failure(now time.Time, k Ticket, class codes.Class, c *policy.GateConfig) bool {
	switch {
	case t.failures == 0:
		t.failures, t.since, t.sentSince = 1, now, 0
	case k.sent.After(t.since), class == codes.Timeout:
		t.failures++
	}
	return t.healthy && t.failures >= c.Failures && 2*(t.failures-1) >= t.sentSince
}

// recovery bounds what is under way after trouble.
type recovery struct {
	on      bool
	calls   int
	window  int // how many may be under way: one more with every success, so that it doubles in the time of one
	latency time.Duration // of all together
	recent  time.Duration // of one, of late
}

func (r *recovery) begin() { *r = recovery{on: true} }

// success notes the latency of a call and reports whether calls have become
// slow: then the server is as busy as it should be.
func (r *recovery) success(took time.Duration, bound bool, slow float64) bool {
	if !r.on {
		return false
	}
	r.window++
	if r.calls < sample {
		r.calls++
		r.latency += took
		if r.calls == 1 {
			r.recent = took
		}
	}
	r.recent += (took - r.recent) / 4
	return float64(r.recent) > slow*float64(r.latency)/float64(r.calls)
}

// room reports whether another call may be under way.
func (r *recovery) room(g *Gate, now time.Time) bool {
	if !r.on || r.calls == 0 {
		return true
	}
	usual := r.latency.Seconds() / float64(r.calls)
	return float64(g.passed-g.answered) < max(1, min(g.c.InFlight*g.pacer.at(now, &g.c)*usual, float64(r.window+1)))
}
