package gate

import "time"

const (
	// minute is the time over which a [Pulse] and a [Memory] count.
	minute = time.Minute
	// plenty is how many samples a minute are enough. Judgement: their number is
	// off by a sixth at most, two times out of three.
	plenty = 32
)

// Pulse counts the successes of a channel in the last minute, from samples, and its
// failures: it tells whether the channel was well before, and how much it bore.
// The zero value has counted none. It is not safe for concurrent use.
type Pulse struct {
	first     time.Time // success
	good, bad window
	every     int
}

// Success counts a sample: one of [Pulse.Every] successes.
func (p *Pulse) Success(now time.Time) {
	if p.first.IsZero() {
		p.first = now
	}
	p.good.add(now, float64(p.Every()))
	p.every = max(1, int(p.Recent(now)/plenty))
}

// Failure counts a failure of the server that has not closed a gate. Every failure
// is counted.
func (p *Pulse) Failure(now time.Time) { p.bad.add(now, 1) }

// Every returns how many successes there should be to a sample: 1 on a channel
// with few calls.
func (p *Pulse) Every() int { return max(p.every, 1) }

// Recent returns how many successes there were in the last minute, about.
func (p *Pulse) Recent(now time.Time) float64 { return p.good.count(now) }

// failures returns how many failures there were in the last minute, about.
func (p *Pulse) failures(now time.Time) float64 { return p.bad.count(now) }

// over returns the time in which those were.
func (p *Pulse) over(now time.Time) time.Duration {
	if p.first.IsZero() {
		return 0
	}
	return min(now.Sub(p.first), minute)
}
