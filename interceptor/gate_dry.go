package interceptor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// WithGateDryRun has the gates hold nobody: every call goes as if there were none,
// while each gate closes, scouts and reopens as it would, with what stands for the
// calls. An attempt that it would have held for a second or more, or turned away, is a
// line of the log that says how the attempt ended, at Info if it succeeded and at Debug
// if it did not, and is counted in [GateCounts]. So the gate can be judged by traffic of
// one's own before it holds any. With [WithoutGate] there is nothing to tell.
//
// What stands for a call ends as the call itself did. A refusal counts for as long as
// the server has asked to wait, or has asked others since, and nothing is known
// afterwards. A caller that makes one call after the other would have been held once,
// where the dry run counts each of its calls. In the server's trouble (policy.FleetGate)
// the figures are rough, because the server has the load of all calls. At most 10,000 stand at a time at the gate
// of a key, in about 1 kB each; further calls are not told of.
func WithGateDryRun() Option {
	return connectionOption(func(c *connection) { c.r.gates.dry = true })
}

const (
	// worthTelling is the least time for which a dry run tells of a call.
	worthTelling = time.Second
	// mostShades is how many stand at the gate of a key at a time.
	mostShades = 10_000
	// mostToTell is how many lines may wait to be logged, beyond which lines of calls are
	// left out, though counted.
	mostToTell = 1000
)

// shade stands for a call at a gate in a dry run: the call goes on, and its shade waits.
// It may outlive the call. The lock of the gates guards it.
type shade struct {
	gate.Waiter
	g      *gates
	k      *keyed
	method string
	kind   kinds
	number int     // of the attempt that would have been held
	dice   float64 // for its answer

	came     time.Time     // when the attempt began that would have been held
	running  bool          // an attempt of the call is under way
	answered bool          // one has been
	ended    bool          // the call has, with a failure
	at       time.Time     // when it was answered last,
	failure  codes.Failure // and with which; zero for success
	err      error
	first    codes.Failure // of the attempt that would have been held

	stop   func() bool   // stops the timer for the deadline; nil for none
	turned bool          // its turn has come, or never will
	away   bool          // it would have been turned away,
	left   time.Duration // so long before its turn
	held   time.Duration
	over   bool // it stands for nothing any more
}

// pass lets an attempt of the call begin, and has a shade wait if the gate would have it
// wait.
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
		return
	}
	c.shade = nil
	if k := g.keys.find(key); k != nil && k.Gate != nil && k.Waiting() < mostShades {
		s := &shade{g: g, k: k, method: c.method, kind: c.kind, number: c.earlier + c.state.Attempts + 1, dice: dice, came: now, running: true}
		s.Owner = s
		c.present(&s.Waiter, size)
		if s.enter(now) == gate.Pass {
			c.ticket = s.Ticket()
		} else {
			c.shade = s
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

// answer takes the answer to an attempt of the call. It reports false if the shade stands
// for the call no more, or its gate has gone.
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

// heard notes what the server has last answered in a dry run: until when it refuses, or
// that it is well.
func (k *keyed) heard(now time.Time, f codes.Failure) {
	switch f.Class {
	case codes.None:
		k.refuses, k.well = time.Time{}, now
	case codes.Quota:
		k.refuses, k.well = now.Add(f.Delay), time.Time{}
	case codes.Server, codes.Network, codes.Timeout:
		k.well = time.Time{}
	default: // which says nothing of other calls
	}
}

// admit is what the gate does when the turn has come. What the server would answer now
// is what it has answered, if that still holds; or else what it has answered others
// since, or answers next.
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

// settle tells the gate how the attempt has ended whose turn has come.
func (s *shade) settle(now time.Time, f codes.Failure) {
	s.over = true
	if !s.away && s.k.Gate != nil {
		s.g.take(s.k, now, s.Ticket(), f, s.err, s.dice)
	}
	s.tell()
}

// closeShade closes what stands for the call, if anything does.
func (c *call) closeShade() {
	if c.shade != nil {
		c.shade.close()
	}
}

// close notes that no other answer comes, because the call has failed for good or was
// answered in another way. What stands for its attempt waits on, as it would.
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

// expire ends the wait at the deadline of the call.
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

// tell keeps what the gate would have done to be told.
func (s *shade) tell() {
	if s.held < worthTelling && !s.away {
		return
	}
	s.g.wouldHold++
	if s.first.Class == codes.None {
		s.g.inVain++
	}
	if len(s.g.r.logs.to) > 0 && len(s.g.told) < mostToTell {
		now := *s
		s.g.told = append(s.g.told, notice{shade: &now})
	}
}

// announceShade logs what the gate would have done.
func (g *gates) announceShade(s *shade) {
	level := logging.LevelDebug
	if s.first.Class == codes.None {
		level = logging.LevelInfo
	}
	logs := &g.r.logs
	if !logs.limit.allow(g.r.clock, level, aboutGate, s.first.Class, logs.summarize) {
		return
	}
	fields := logging.Fields{logging.MethodFieldKey, s.method}
	if s.kind != function {
		service, method, _ := strings.Cut(strings.TrimPrefix(s.method, "/"), "/")
		fields = logging.Fields{logging.ServiceFieldKey, service, logging.MethodFieldKey, method}
	}
	fields = append(fields, "retry.gate.key", g.loggedQuota(s.k.key), "retry.gate.target", s.k.key.target,
		"retry.gate.dry_run", true, "retry.gate.held", s.held, "retry.gate.turned_away", s.away, "retry.class", s.first.Class.String())
	for _, l := range logs.to {
		l.Log(context.Background(), level, "[RETRY] dry run: "+s.sentence(g.loggedKey(s.k.key)), fields...)
	}
}

// sentence returns the line of the log.
func (s *shade) sentence(key string) string {
	then := "it succeeded"
	switch f := &s.first; f.Class {
	case codes.None:
	case codes.Quota:
		then = "it was refused"
	case codes.Ended:
		then = "its caller ended it"
	default:
		then = fmt.Sprintf("it failed (%v)", f.Class)
	}
	what := "this call"
	if s.number > 1 {
		what = fmt.Sprintf("attempt %d", s.number)
	}
	what += " of " + s.method
	switch {
	case s.away && s.left > 0:
		return fmt.Sprintf("the gate of %s would have turned %s away, %v before its turn; %s", key, what, rounded(s.left), then)
	case s.away:
		return fmt.Sprintf("the gate of %s would have held %s for %v and then turned it away; %s", key, what, rounded(s.held), then)
	}
	return fmt.Sprintf("the gate of %s would have held %s for %v; %s", key, what, rounded(s.held), then)
}
