package gate

import (
	"math"
	"time"
)

const (
	// tooSlow is from when on calls leave no faster than they came before trouble: so
	// many times the slowness at which their pace grows no more. Measured (bench/fleet,
	// B1 with 1,000 clients): with less a busy client takes noise for it.
	tooSlow = 3
	// sample is how many accepted calls make a measurement. Judgement: with
	// fewer the pace is off by more than a quarter more often than not; with
	// more it takes longer to follow.
	sample = 16
	// slowest is the least pace: a call in 100 s. Judgement: even where nothing
	// was accepted, one call asks again before most deadlines.
	slowest = 0.01
	// doublings bounds how far the pace grows.
	doublings = 20

	forever = time.Duration(math.MaxInt64)
)

// pacer spaces the calls that leave an open gate. The zero value does not.
type pacer struct {
	on     bool
	loose  bool          // only those who wait are spaced, because the pace was not measured
	credit time.Duration // for how long a pace that was not used may be used later
	pace   float64       // calls a second, at first
	growth float64       // doublings in a cycle, after the first one
	cycle  time.Duration // from the last reopening but one to the last: a minute at most, the longest of the usual quotas
	since  time.Time     // of the pace
	next   time.Time     // when the next call may leave
	waited time.Time     // when a call last had to wait

	// What was measured: calls that were accepted, within seconds. due is when
	// the last reopening was due: a gate that reopens late counts from then on.
	due           time.Time
	accepted      float64 // since then
	calls, during float64
	open          float64 // calls that were accepted in a second while the gate was last open
}

// begin begins to pace. closed stands for the cycle if none was measured.
func (p *pacer) begin(now time.Time, pace, growth float64, closed time.Duration) {
	p.loose, p.credit = false, 0
	if p.cycle == 0 {
		p.cycle = min(closed, minute)
	}
	p.on, p.pace, p.growth = true, max(pace, slowest), growth
	p.since, p.next, p.waited = now, now, now
}

// loosen spaces only those that wait from now on: they leave so much faster than calls
// were accepted while the gate was open, or than they leave now.
func (p *pacer) loosen(now time.Time, more float64) {
	p.loose = true
	if p.on {
		p.pace, p.since = max(p.pace, p.open+more), now
	}
}

// slow takes how slow calls are, as a multiple of what means that the server is as busy
// as it should be: above 1 the pace grows anew, and above tooSlow calls leave no faster
// than they came before the trouble.
func (p *pacer) slow(now time.Time, times, came float64) {
	if times > 1 {
		p.since = now
	}
	if times > tooSlow {
		p.pace = max(min(p.pace, came), slowest)
	}
}

// measure takes what was accepted from one reopening to the next.
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

// measured returns the calls that were accepted in a second, or 0 if the sample is
// too small. It is not far below what was accepted while the gate was open: the time
// in which it was closed says nothing about what the server takes.
func (p *pacer) measured() float64 {
	if p.during <= 0 || p.calls < sample {
		return 0
	}
	return max(p.calls/p.during, p.open/2)
}

// at returns the pace at a time, or 0 for none. Once a cycle has passed it grows.
func (p *pacer) at(now time.Time) float64 {
	if !p.on {
		return 0
	}
	if over := now.Sub(p.since) - p.cycle; over > 0 {
		return p.pace * math.Exp2(min(p.growth*over.Seconds()/p.cycle.Seconds(), doublings))
	}
	return p.pace
}

// turn returns how long it takes for so many calls to leave, and then one more.
func (p *pacer) turn(now time.Time, calls int) time.Duration {
	return max(p.next.Sub(now), 0) + p.takes(now, calls)
}

// takes returns how long it takes for so many calls to leave.
func (p *pacer) takes(now time.Time, calls int) time.Duration {
	if !p.on || calls <= 0 {
		return 0
	}
	gone := now.Sub(p.since).Seconds()
	steady := max(p.cycle.Seconds()-gone, 0)
	need := float64(calls) / p.pace
	if need > steady && p.growth > 0 { // beyond that, the integral of 2^(growth*t/cycle)
		rate := math.Ln2 * p.growth / p.cycle.Seconds()
		from := min(max(gone-p.cycle.Seconds(), 0), doublings*math.Ln2/rate)
		need = steady + math.Log(math.Exp(rate*from)+rate*(need-steady))/rate - from
	}
	return time.Duration(min(max(need, 0), 1e9) * float64(time.Second))
}

// free reports whether a call may leave while so many wait.
func (p *pacer) free(now time.Time, waiting int) bool {
	return !p.on || (p.loose && waiting == 0) || !now.Before(p.next)
}

// pass lets a call leave, and the next one after its turn, or after most.
func (p *pacer) pass(now time.Time, most time.Duration) {
	if !p.on {
		return
	}
	gap := min(p.takes(now, 1), most)
	p.next = later(p.next, now.Add(-p.credit)).Add(gap)
}

// busy notes that a call has to wait.
func (p *pacer) busy(now time.Time) { p.waited = now }

// idle reports whether no pace is needed: no call had to wait for a whole cycle.
func (p *pacer) idle(now time.Time) bool { return !p.on || now.Sub(p.waited) > p.cycle }
