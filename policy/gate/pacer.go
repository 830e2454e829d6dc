package gate

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// sample is how many accepted calls make a measurement. Judgement: with fewer
// the pace is off by more than a quarter more often than not; with more it
// takes longer to follow.
const sample = 16

// pacer spaces the calls that leave an open gate.
type pacer struct {
	on     bool
	pace   float64   // per second
	since  time.Time // of the pace
	next   time.Time // when the next call may leave
	empty  time.Time // since when no one has had to wait
	cycle  time.Duration
	begun  time.Time // of the cycle, when the gate last closed; zero for none
	calls  float64   // accepted, of late
	during float64   // seconds
}

// at returns the pace at a time: after a whole cycle without a refusal it was
// too slow.
func (p *pacer) at(now time.Time, c *policy.GateConfig) float64 {
	if !p.on {
		return 0
	}
	if over := now.Sub(p.since) - p.cycle; over > 0 {
		return p.pace * math.Pow(1+c.Growth, min(over.Seconds(), 1e3))
	}
	return p.pace
}

// free reports whether a call may leave.
func (p *pacer) free(now time.Time) bool { return !p.on || !now.Before(p.next) }

// pass lets a call leave.
func (p *pacer) pass(now time.Time, c *policy.GateConfig) {
	if p.on {
		gap := time.Duration(float64(time.Second) / p.at(now, c))
		if p.next.Add(gap).After(now) { // the timer may be late: the pace holds
			p.next = p.next.Add(gap)
		} else {
			p.next = now.Add(gap)
		}
	}
}

// busy notes that a call has to wait.
func (p *pacer) busy(now time.Time) { p.empty = now }

// idle reports whether the pace was not needed for a whole cycle.
func (p *pacer) idle(now time.Time, _ *policy.GateConfig) bool {
	return now.Sub(p.empty) > p.cycle
}

// measure takes what was accepted since the gate closed last.
func (p *pacer) measure(g *Gate, now time.Time) {
	if !p.begun.IsZero() && !g.closedAt.IsZero() {
		p.cycle = now.Sub(p.begun)
		n, t := float64(g.passed-g.failed), p.cycle.Seconds()
		keep := max(0, 1-n/sample)
		p.calls, p.during = p.calls*keep+n, p.during*keep+t
	}
	p.begun = now
}

// open begins to pace.
func (p *pacer) open(g *Gate, now time.Time) {
	closed := now.Sub(g.closedAt)
	if closed <= 0 {
		closed = 1
	}
	offered := float64(g.entered) / closed.Seconds()
	headroom := g.c.Headroom
	switch {
	case g.recovery.on:
		p.pace = max(offered, p.pace/2, 0.01)
		headroom = g.c.Recovery
	case p.during > 0:
		prior := max(p.pace, 0.01)
		p.pace = (p.calls + 1) / (p.during + 1/prior)
	default:
		p.pace = max(offered, 1/closed.Seconds())
	}
	p.pace *= headroom
	if p.cycle == 0 {
		p.cycle = closed
	}
	p.on = true
	p.since, p.next, p.empty = now, now, now
}
