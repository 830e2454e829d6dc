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
	growth float64
	pace   float64       // calls a second, at first
	since  time.Time     // of the pace
	next   time.Time     // when the next call may leave
	empty  time.Time     // since when no one has had to wait
	cycle  time.Duration // the last one: from one reopening to the next

	// What was measured: calls that were accepted, within seconds. due is when
	// the last reopening was due: a gate that is late counts from then on.
	due           time.Time
	calls, during float64
	accepted      float64 // since the last reopening
}

// at returns the pace at a time.
func (p *pacer) at(now time.Time, c *policy.GateConfig) float64 {
	if !p.on {
		return 0
	}
	hold := p.cycle.Seconds()
	if over := now.Sub(p.since).Seconds() - hold; over > 0 {
		return p.pace * math.Exp2(p.growth*min(over/hold, 20))
	}
	return p.pace
}

// turn returns how long it takes for so many calls to leave.
func (p *pacer) turn(now time.Time, calls int, c *policy.GateConfig) time.Duration {
	if !p.on || calls <= 0 {
		return 0
	}
	hold := p.cycle.Seconds()
	gone := now.Sub(p.since).Seconds()
	steady := max(hold-gone, 0)
	rate := math.Ln2 * p.growth / hold
	need := float64(calls) / p.pace
	if need > steady { // then the pace grows: the integral of 2^(growth*t/hold)
		from := max(gone-hold, 0)
		need = steady + math.Log(math.Exp(rate*min(from, 20*hold))+rate*(need-steady))/rate - from
	}
	return time.Duration(min(max(need, 0), 1e9) * float64(time.Second))
}

// free reports whether a call may leave.
func (p *pacer) free(now time.Time) bool { return !p.on || !now.Before(p.next) }

// pass lets a call leave. If those behind it do not all leave in time at this
// pace, the next one leaves earlier: being refused costs a request, and waiting
// too long the call.
func (p *pacer) pass(now time.Time, q *queue, r *recovery, c *policy.GateConfig) {
	if p.on {
		gap := p.turn(now, 1, c)
		if w := q.last; w != nil && !r.on {
			end := w.Deadline
			if end.IsZero() {
				end = w.limit
			}
			gap = min(gap, max(end.Sub(now), 0)/time.Duration(q.n+1))
		}
		if p.next.Add(gap).After(now) { // the timer may be late: the pace holds
			p.next = p.next.Add(gap)
		} else {
			p.next = now.Add(gap)
		}
	}
}

// again begins anew with the pace at first.
func (p *pacer) again(now time.Time) { p.since = now }

// busy notes that a call has to wait.
func (p *pacer) busy(now time.Time) { p.empty = now }

// idle reports whether the pace was not needed for a whole cycle.
func (p *pacer) idle(now time.Time) bool { return now.Sub(p.empty) > p.cycle }

// measure takes what was accepted from one reopening to the next.
func (p *pacer) measure(due time.Time) {
	if !p.due.IsZero() && due.After(p.due) {
		p.cycle = due.Sub(p.due)
		keep := max(0, 1-p.accepted/sample)
		p.calls = p.calls*keep + p.accepted
		p.during = p.during*keep + p.cycle.Seconds()
	}
	p.due, p.accepted = due, 0
}

// open begins to pace calls at a time, when a reopening was due.
func (p *pacer) open(g *Gate, now, due time.Time) {
	closed := max(now.Sub(g.shutAt), time.Millisecond)
	offered := float64(g.entered) / closed.Seconds()
	p.measure(due)
	switch {
	case g.recovery.on:
		p.pace = g.c.Recovery * max((g.recent+float64(g.entered))/(g.over+closed).Seconds(), 0.01)
	case p.during > 0:
		prior := max(p.pace, 0.01)
		p.pace = g.c.Headroom * (p.calls + 1) / (p.during + 1/prior)
	default:
		p.pace = g.c.Headroom * max(offered, 1/closed.Seconds())
	}
	if p.cycle == 0 {
		p.cycle = closed
	}
	p.on = true
	p.growth = g.c.Growth
	if g.recovery.on {
		p.growth = g.c.Regrowth
	}
	p.since, p.next, p.empty = now, now, now
}
