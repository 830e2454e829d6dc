package gate

import "time"

const (
	// minute is the time over which a [Pulse] counts.
	minute = time.Minute
	// plenty is how many samples a minute are enough. Judgement: their number is
	// off by a sixth at most, two times out of three.
	plenty = 32
)

// Pulse counts the successes of a channel in the last minute, from samples, and its
// failures: it tells whether the channel was well before, and how much it bore.
// The zero value has counted none. It is not safe for concurrent use.
type Pulse struct {
	first, start time.Time // of the first success, and of the present minute
	now, earlier float64   // in it, and in the minute before
	bad, badThen float64   // failures, likewise
	every        int
}

// Success counts a sample: one of [Pulse.Every] successes.
func (p *Pulse) Success(now time.Time) {
	if p.first.IsZero() {
		p.first = now
	}
	p.turn(now)
	p.now += float64(p.Every())
	p.every = max(1, int(p.Recent(now)/plenty))
}

// Failure counts a failure of the server that has not closed a gate. Every one is
// counted.
func (p *Pulse) Failure(now time.Time) {
	p.turn(now)
	p.bad++
}

// Every returns how many successes there should be to a sample: 1 on a channel
// with few calls.
func (p *Pulse) Every() int { return max(p.every, 1) }

// Recent returns how many successes there were in the last minute, about.
func (p *Pulse) Recent(now time.Time) float64 {
	p.turn(now)
	return p.now + p.earlier*p.left(now)
}

// failures returns how many failures there were in the last minute, about.
func (p *Pulse) failures(now time.Time) float64 {
	p.turn(now)
	return p.bad + p.badThen*p.left(now)
}

// left returns the share of the minute before that is within the last minute.
func (p *Pulse) left(now time.Time) float64 {
	return min(max(1-now.Sub(p.start).Seconds()/minute.Seconds(), 0), 1)
}

// over returns the time in which those were.
func (p *Pulse) over(now time.Time) time.Duration {
	if p.first.IsZero() {
		return 0
	}
	return min(now.Sub(p.first), minute)
}

// turn begins another minute when it is time.
func (p *Pulse) turn(now time.Time) {
	switch gone := now.Sub(p.start); {
	case p.start.IsZero() || gone >= 2*minute:
		p.start, p.now, p.earlier, p.bad, p.badThen = now, 0, 0, 0, 0
	case gone >= minute:
		p.start = p.start.Add(minute)
		p.earlier, p.now, p.badThen, p.bad = p.now, 0, p.bad, 0
	}
}
