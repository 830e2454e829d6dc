package gates

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// mostShades bounds the shades of a key.
const mostShades = 10_000

// Attempt describes the attempt in a report.
type Attempt struct {
	Method   string
	Function bool // Method names a function, not a gRPC method
	Number   int
}

// Shade waits at a gate in a dry run while the call goes on, and may outlive the call. The
// lock of the gates guards a Shade.
type Shade struct {
	waiter  gate.Waiter
	g       *Gates
	k       *keyed
	attempt Attempt
	dice    float64 // random number for the answer

	came     time.Time     // start of the attempt
	running  bool          // an attempt of the call is under way
	answered bool          // an attempt has ended
	ended    bool          // the call has failed, or has another answer
	at       time.Time     // time of the last answer
	failure  codes.Failure // last answer; zero for success
	err      error
	first    codes.Failure // the first answer

	stop   func() bool   // stops the timer for the deadline; nil for none
	turned bool          // the wait is over
	away   bool          // the call was turned away
	left   time.Duration // if turned away at once: time left until the turn
	waited time.Duration
	over   bool // reported
}

// Pass begins an attempt of a dry run, and sends a shade to the gate if there is a gate. s
// is the shade of an earlier attempt of the call, or nil. Pass returns the waiting shade,
// or nil and the ticket of an attempt that need not wait.
func (g *Gates) Pass(s *Shade, key Key, a Arrival, attempt Attempt) (*Shade, gate.Ticket) {
	dice := g.Rand() // without the lock
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now()
	if s != nil && !s.over {
		s.running = true
		return s, gate.Ticket{}
	}
	k := g.at(key, now)
	if k == nil || k.Gate == nil || k.Waiting() >= mostShades {
		return nil, gate.Ticket{}
	}
	s = &Shade{g: g, k: k, attempt: attempt, dice: dice, came: now, running: true}
	a.present(&s.waiter, s)
	verdict := s.enter(now)
	g.turn(k, now)
	if verdict == gate.Pass {
		return nil, s.waiter.Ticket()
	}
	return s, gate.Ticket{}
}

// enter takes the shade to the gate.
func (s *Shade) enter(now time.Time) gate.Verdict {
	verdict := s.k.Enter(now, &s.waiter)
	switch verdict {
	case gate.Wait:
		if !s.waiter.Deadline.IsZero() {
			s.stop = s.g.Clock.AfterFunc(max(s.waiter.Deadline.Sub(now), 0), s.expire)
		}
	case gate.Refuse:
		s.turned, s.away, s.left = true, true, s.k.Left(now, &s.waiter)
	case gate.Pass:
		s.turn(now)
	}
	return verdict
}

// Answer takes the answer to an attempt. It reports false if the caller must tell the gate
// in the usual way: after the shade is over, or after the gate is gone.
func (s *Shade) Answer(f codes.Failure, err error) bool {
	defer s.g.teller.tell()
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if s.over || s.ended {
		return false
	}
	now := s.g.Clock.Now()
	s.k.heard(now, f)
	if !s.answered {
		s.first = f
	}
	s.running, s.answered, s.at, s.failure, s.err = false, true, now, f, err
	if s.turned {
		s.settle(now, f)
		if s.k.Gate == nil {
			return false
		}
		s.g.turn(s.k, now)
	}
	return true
}

// heard notes the server's last answer in a dry run.
func (k *keyed) heard(now time.Time, f codes.Failure) {
	switch f.Class.Load() {
	case codes.Accepted:
		k.refuses, k.well = time.Time{}, now
	case codes.Refused:
		k.refuses, k.well = now.Add(f.Delay), time.Time{}
	case codes.Troubled:
		k.well = time.Time{}
	case codes.Unrelated, codes.Untold:
	}
}

// admit ends the wait, and takes the answer at this moment from the best source: the call's
// own answer, if still valid; the last answer to another call; the call's own next answer.
func (s *Shade) admit(now time.Time, verdict gate.Verdict) {
	s.turn(now)
	s.away = verdict == gate.Refuse
	f := s.failure
	left := s.at.Add(f.Delay).Sub(now)
	if f.Class == codes.Quota {
		left = max(left, s.k.refuses.Sub(now))
	}
	switch {
	case s.running:
	case s.away, s.answered && f.Class == codes.None:
		s.settle(now, f)
	case s.answered && f.Delay > 0 && left > 0:
		f.Delay = left
		s.settle(now, f)
	case s.answered && s.k.well.After(s.at):
		s.settle(now, codes.Failure{})
	case s.answered && f.Class != codes.Quota:
		s.settle(now, f)
	case s.ended:
		s.settle(now, codes.Failure{Class: codes.Ended})
	}
}

// settle tells the gate the answer, and reports the shade.
func (s *Shade) settle(now time.Time, f codes.Failure) {
	s.over = true
	if !s.away && s.k.Gate != nil {
		s.g.take(s.k, now, s.waiter.Ticket(), f, s.err, s.dice)
	}
	s.report()
}

// Close is for a call without a further answer: failed for good, or answered by a fallback.
// The shade waits on.
func (s *Shade) Close() {
	defer s.g.teller.tell()
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.ended, s.running = true, false
	if s.over || !s.turned {
		return
	}
	now := s.g.Clock.Now()
	s.settle(now, codes.Failure{Class: codes.Ended})
	if s.k.Gate != nil {
		s.g.turn(s.k, now)
	}
}

// expire ends the wait at the deadline.
func (s *Shade) expire() {
	defer s.g.teller.tell()
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if s.turned || s.over {
		return
	}
	now := s.g.Clock.Now()
	s.k.Leave(&s.waiter)
	s.turn(now)
	s.away = true
	if !s.running {
		s.settle(now, codes.Failure{Class: codes.Ended})
	}
	if s.k.Gate != nil {
		s.g.turn(s.k, now)
	}
}

// turn notes that the wait is over.
func (s *Shade) turn(now time.Time) {
	s.turned, s.waited = true, now.Sub(s.came)
	if s.stop != nil {
		s.stop()
	}
}

const (
	// worthTelling is the shortest wait in a report.
	worthTelling = time.Second
	// mostToTell bounds the queued reports. Further attempts are only counted.
	mostToTell = 1000
)

// Held reports an attempt that the gate would have held for a second or more, or turned
// away.
type Held struct {
	Attempt
	Key   Key
	For   time.Duration
	Away  bool          // turned away after For
	Left  time.Duration // if turned away at once: time left until the turn
	First codes.Failure // how the attempt ended; zero for success
}

// report counts the attempt, and queues a report.
func (s *Shade) report() {
	if s.waited < worthTelling && !s.away {
		return
	}
	g := s.g
	g.wouldHold++
	if s.first.Class == codes.None {
		g.inVain++
	}
	if g.Held != nil && g.teller.len() < mostToTell {
		h := Held{s.attempt, s.k.key, s.waited, s.away, s.left, s.first}
		g.teller.add(func() { g.Held(h) })
	}
}
