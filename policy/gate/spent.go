package gate

import "time"

const (
	// spentScout is the time before the first scout of a spent quota, +-25 %. The interval
	// doubles with every refused scout, up to spentScoutMax. Judgement: whoever pays a bill or
	// raises a quota waits no longer than the quota was spent, and 5 minutes at most; a day's
	// quota costs a process some 300 refused requests.
	spentScout    = 10 * time.Second
	spentScoutMax = 5 * time.Minute
	// spentPressed is the time between two calls that try a spent quota because they would be
	// turned away otherwise. Judgement: a refused request a second is no load, and a
	// program with nowhere else to go is back a second after the quota.
	spentPressed = time.Second
)

// Spent is the closing of a quota that is used up for long, for calls that can go elsewhere. A
// scout goes through from time to time, and opens the quota if accepted. For five minutes, or until
// the time named by the refusal, further refusals close nothing then: they may concern one kind of
// request only, and the others would be turned away. The zero value is open. A Spent is not safe
// for concurrent use.
type Spent struct {
	until    time.Time // zero while open
	next     time.Time // when the next scout may go
	interval time.Duration
	pressed  time.Time // when a call without another place may try
	doubted  time.Time // refusals before then close nothing
}

// Refused closes the quota until then. A later refusal does not extend a closing: the server
// repeats itself. scout says that the refused call was the scout, which delays the next one. u
// is a random number in [0, 1).
func (s *Spent) Refused(now, until time.Time, scout bool, u float64) {
	s.pressed = later(s.pressed, now.Add(spentPressed))
	switch {
	case now.Before(s.doubted):
		return
	case s.Left(now) <= 0:
		s.until, s.interval = until, spentScout
	case scout:
		s.interval = min(2*s.interval, spentScoutMax)
	default: // sent before the closing
		return
	}
	s.next = now.Add(time.Duration((0.75 + u/2) * float64(s.interval)))
}

// Open opens the quota, after an accepted scout.
func (s *Spent) Open(now time.Time) {
	if s.Left(now) > 0 {
		*s = Spent{doubted: now.Add(min(s.Left(now), doubtFor))}
	}
}

// Left returns the time until the quota is expected to have room; 0 while open.
func (s *Spent) Left(now time.Time) time.Duration { return max(s.until.Sub(now), 0) }

// Press reports whether a call with nowhere else to go may try the closed quota all the same.
func (s *Spent) Press(now time.Time) bool {
	if s.Left(now) <= 0 || now.Before(s.pressed) {
		return false
	}
	s.pressed = now.Add(spentPressed)
	return true
}

// Scout reports whether a call that arrives now goes through the closed quota, as a scout.
func (s *Spent) Scout(now time.Time) bool {
	if s.Left(now) <= 0 || now.Before(s.next) {
		return false
	}
	s.next = now.Add(s.interval) // unless the answer comes before
	return true
}
