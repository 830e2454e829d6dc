package gate

import "time"

const (
	// minute is the window of the counts in a [Pulse] and a [Memory].
	minute = time.Minute
	// plenty is how many samples per minute are enough. Judgement: the estimate is off by a
	// sixth at most, two times out of three.
	plenty = 32
)

// Pulse counts the successes of a channel in the last minute, from samples, and the
// failures. The counts tell whether the channel was healthy before, and how much load the
// server bore. The zero value has counted nothing. A Pulse is not safe for concurrent use.
type Pulse struct {
	first     time.Time // time of the first success
	good, bad window
	every     int
}

// Success counts a sample, which stands for [Pulse.Every] successes.
func (p *Pulse) Success(now time.Time) {
	if p.first.IsZero() {
		p.first = now
	}
	p.good.add(now, float64(p.Every()))
	p.every = max(1, int(p.Recent(now)/plenty))
}

// Failure counts a failure of the server that has not closed a gate. Failures are not
// sampled.
func (p *Pulse) Failure(now time.Time) { p.bad.add(now, 1) }

// Every returns the number of successes per sample: 1 on a channel with few calls.
func (p *Pulse) Every() int { return max(p.every, 1) }

// Recent returns the approximate number of successes in the last minute.
func (p *Pulse) Recent(now time.Time) float64 { return p.good.count(now) }

// failures returns the approximate number of failures in the last minute.
func (p *Pulse) failures(now time.Time) float64 { return p.bad.count(now) }

// over returns the time covered by Recent and failures, at most a minute.
func (p *Pulse) over(now time.Time) time.Duration {
	if p.first.IsZero() {
		return 0
	}
	return min(now.Sub(p.first), minute)
}
