package interceptor

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// WithGateDryRun makes the gates hold nobody and report instead. Every call goes at
// once; a shade takes the place of the call at the gate, so the gate closes, scouts and
// reopens as usual.
//
// An attempt is reported if the gate would have held it for a second or more, or turned
// it away: in the log, at Info after a success and at Debug after a failure, and in
// [GateCounts]. After [WithoutGate] nothing is reported.
//
// A shade gets the answer of its own call. A refusal holds for the time in its hint, or
// in a later hint to another call; from then on a success of another call counts, and
// without one the answer is unknown.
//
// Three limits: a caller with one call after the other would have been held once, and is
// counted for each call; during an outage (policy.FleetGate) the figures are rough, since
// the server still has the whole load; a key has at most 10,000 shades, of about 1 kB
// each, and calls beyond are not reported.
func WithGateDryRun() Option {
	return connectionOption(func(c *connection) { c.r.gates.dry = true })
}

// mostShades bounds the shades of a key.
const mostShades = 10_000

// shade waits at a gate in a dry run while its call goes on, and may outlive the call.
// The lock of the gates guards it.
type shade struct {
	gate.Waiter
	g      *gates
	k      *keyed
	method string
	kind   kinds
	number int     // of the attempt
	dice   float64 // for the answer

	came     time.Time     // start of the attempt
	running  bool          // an attempt of the call is under way
	answered bool          // an attempt has ended
	ended    bool          // the call has failed, or has another answer
	at       time.Time     // last answer,
	failure  codes.Failure // zero for success
	err      error
	first    codes.Failure // first answer

	stop   func() bool   // stops the timer for the deadline; nil for none
	turned bool          // the wait is over:
	away   bool          // turned away,
	left   time.Duration // so long before the turn
	held   time.Duration
	over   bool // reported
}

// pass lets an attempt begin, and sends a shade to the gate if there is one.
//
//go:noinline
func (c *call) pass() {
	g := &c.r.gates
	key, size, dice := c.gateKey(), c.size(), c.r.rand() // the caller's functions run without the lock
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.r.clock.Now()
	if s := c.shade; s != nil && !s.over {
		s.running = true
		c.hold().shade = s
		return
	}
	c.shade = nil
	if k := g.keys.find(key); k != nil && k.Gate != nil && k.Waiting() < mostShades {
		s := &shade{g: g, k: k, method: c.method, kind: c.kind, number: c.state.Earlier + c.state.Attempts + 1, dice: dice, came: now, running: true}
		s.Owner = s
		c.present(&s.Waiter, size)
		if s.enter(now) == gate.Pass {
			c.hold().pass(key, s.Ticket())
		} else {
			c.shade = s
			c.hold().shade = s
		}
		g.turn(k, now)
	}
}

// enter goes to the gate.
func (s *shade) enter(now time.Time) gate.Verdict {
	verdict := s.k.Enter(now, &s.Waiter)
	switch verdict {
	case gate.Wait:
		if !s.Deadline.IsZero() {
			s.stop = s.g.r.clock.AfterFunc(max(s.Deadline.Sub(now), 0), s.expire)
		}
	case gate.Refuse:
		s.turned, s.away, s.left = true, true, s.k.Left(now)
	case gate.Pass:
		s.turn(now)
	}
	return verdict
}

// answer takes the answer to an attempt. It reports false where the gate has to be told
// in the usual way: after the shade is over, or after the gate has gone.
func (s *shade) answer(f codes.Failure, err error) bool {
	defer s.g.announce()
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if s.over || s.ended {
		return false
	}
	now := s.g.r.clock.Now()
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

// heard notes the last answer of the server in a dry run.
func (k *keyed) heard(now time.Time, f codes.Failure) {
	switch f.Class {
	case codes.None:
		k.refuses, k.well = time.Time{}, now
	case codes.Quota:
		k.refuses, k.well = now.Add(f.Delay), time.Time{}
	case codes.Server, codes.Network, codes.Timeout:
		k.well = time.Time{}
	default: // about this call alone
	}
}

// admit ends the wait. The answer at this moment is taken from the best source: the own
// answer, if still valid; the last answer to another call; the next own answer.
func (s *shade) admit(now time.Time, verdict gate.Verdict) {
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

// settle tells the gate the answer.
func (s *shade) settle(now time.Time, f codes.Failure) {
	s.over = true
	if !s.away && s.k.Gate != nil {
		s.g.take(s.k, now, s.Ticket(), f, s.err, s.dice)
	}
	s.tell()
}

// closeShade closes the shade of the call, if any.
func (c *call) closeShade() {
	if c.shade != nil {
		c.shade.close()
	}
}

// close is for a call with no further answer: failed for good, or answered by a fallback.
// The shade waits on.
func (s *shade) close() {
	defer s.g.announce()
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.ended, s.running = true, false
	if s.over || !s.turned {
		return
	}
	now := s.g.r.clock.Now()
	s.settle(now, codes.Failure{Class: codes.Ended})
	if s.k.Gate != nil {
		s.g.turn(s.k, now)
	}
}

// expire ends the wait at the deadline.
func (s *shade) expire() {
	defer s.g.announce()
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if s.turned || s.over {
		return
	}
	now := s.g.r.clock.Now()
	s.k.Leave(&s.Waiter)
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
func (s *shade) turn(now time.Time) {
	s.turned, s.held = true, now.Sub(s.came)
	if s.stop != nil {
		s.stop()
	}
}
