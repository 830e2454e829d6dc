package gate

import (
	"math"
	"time"
)

const (
	// tooSlow is the slowness, as a multiple of GateConfig.Slow, above which calls leave no
	// faster than calls came before trouble. Measured (bench/fleet, B1 with 1,000 clients):
	// with less a busy client takes noise for slowness.
	tooSlow = 3
	// sample is how many accepted calls make a measurement. Judgement: with fewer the pace
	// is off by more than a quarter more often than not; with more the pace takes longer to
	// follow.
	sample = 16
	// slowest is the least pace: a call in 100 s. Judgement: even where nothing was
	// accepted, one call asks again before most deadlines.
	slowest = 0.01
	// doublings is how often the pace doubles at most.
	doublings = 20

	forever = time.Duration(math.MaxInt64)
)

// pacer spaces the calls that leave an open gate. The zero value sets no pace.
type pacer struct {
	on     bool
	loose  bool          // only waiting calls are spaced, because the pace was not measured
	credit time.Duration // how much unused time later calls may use
	pace   float64       // calls per second, before growth
	growth float64       // doublings per cycle, after the first cycle
	cycle  time.Duration // time between the last two reopenings: a minute at most, the longest of the usual quotas
	since  time.Time     // start of the pace
	next   time.Time     // when the next call may leave
	waited time.Time     // when a call last had to wait

	// Measured: calls accepted in so many seconds (during). due is when the last reopening
	// was due, so that a late reopening counts from due.
	due           time.Time
	accepted      float64 // calls accepted since due
	calls, during float64
	open          float64 // accepted calls per second while the gate was last open
}

// begin starts a pace. closed replaces the cycle if no cycle was measured.
func (p *pacer) begin(now time.Time, pace, growth float64, closed time.Duration) {
	p.loose, p.credit = false, 0
	if p.cycle == 0 {
		p.cycle = min(closed, minute)
	}
	p.on, p.pace, p.growth = true, max(pace, slowest), growth
	p.since, p.next, p.waited = now, now, now
}

// loosen spaces only waiting calls from now on. The pace rises to the rate of accepted
// calls while the gate was open, plus more, unless the pace is higher already.
func (p *pacer) loosen(now time.Time, more float64) {
	p.loose = true
	if p.on {
		p.pace, p.since = max(p.pace, p.open+more), now
	}
}

// slow adapts the pace to the latency of calls. times is a multiple of the latency at which
// the server is as busy as it should be: above 1 the growth of the pace starts over, and
// above tooSlow the pace is at most came, the rate of calls before the trouble.
func (p *pacer) slow(now time.Time, times, came float64) {
	if times > 1 {
		p.since = now
	}
	if times > tooSlow {
		p.pace = max(min(p.pace, came), slowest)
	}
}

// measure records the calls accepted from one reopening to the next.
func (p *pacer) measure(due time.Time) {
	if !p.due.IsZero() && due.After(p.due) {
		cycle := due.Sub(p.due)
		keep := max(0, 1-p.accepted/sample)
		p.calls = p.calls*keep + p.accepted
		p.during = p.during*keep + cycle.Seconds()
		p.cycle = min(cycle, minute)
	}
	p.due, p.accepted = due, 0
}

// measured returns the accepted calls per second, or 0 if the sample is too small. The
// result is at least half of the rate while the gate was open: the time while the gate was
// closed says nothing about the capacity of the server.
func (p *pacer) measured() float64 {
	if p.during <= 0 || p.calls < sample {
		return 0
	}
	return max(p.calls/p.during, p.open/2)
}

// at returns the pace at now, or 0 for none. After a cycle the pace grows.
func (p *pacer) at(now time.Time) float64 {
	if !p.on {
		return 0
	}
	if over := now.Sub(p.since) - p.cycle; over > 0 {
		return p.pace * math.Exp2(min(p.growth*over.Seconds()/p.cycle.Seconds(), doublings))
	}
	return p.pace
}

// turn returns the time until a call with so many calls ahead leaves.
func (p *pacer) turn(now time.Time, calls int) time.Duration {
	return max(p.next.Sub(now), 0) + p.takes(now, calls)
}

// takes returns the time in which so many calls leave.
func (p *pacer) takes(now time.Time, calls int) time.Duration {
	if !p.on || calls <= 0 {
		return 0
	}
	gone := now.Sub(p.since).Seconds()
	steady := max(p.cycle.Seconds()-gone, 0)
	need := float64(calls) / p.pace
	if need > steady && p.growth > 0 { // after the steady part, the integral of 2^(growth*t/cycle)
		rate := math.Ln2 * p.growth / p.cycle.Seconds()
		from := min(max(gone-p.cycle.Seconds(), 0), doublings*math.Ln2/rate)
		need = steady + math.Log(math.Exp(rate*from)+rate*(need-steady))/rate - from
	}
	return time.Duration(min(max(need, 0), 1e9) * float64(time.Second))
}

// free reports whether a call may leave while so many calls wait.
func (p *pacer) free(now time.Time, waiting int) bool {
	return !p.on || (p.loose && waiting == 0) || !now.Before(p.next)
}

// pass lets a call leave. The next call may leave after the gap of the pace, or after most
// if that is shorter.
func (p *pacer) pass(now time.Time, most time.Duration) {
	if !p.on {
		return
	}
	gap := min(p.takes(now, 1), most)
	p.next = later(p.next, now.Add(-p.credit)).Add(gap)
}

// busy notes that a call has to wait.
func (p *pacer) busy(now time.Time) { p.waited = now }

// idle reports whether no pace is needed: for a whole cycle no call had to wait.
func (p *pacer) idle(now time.Time) bool { return !p.on || now.Sub(p.waited) > p.cycle }
