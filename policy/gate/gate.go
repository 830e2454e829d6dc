package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Gate is the gate of one quota key of one channel: see the package. It is not
// safe for concurrent use: its owner has a lock. Make it with [New] when the
// first call fails, and drop it when it is [Gate.AtRest].
//
// After every method its owner calls [Gate.Admit] until there is no call to be
// told, and sets a timer for [Gate.Next], at which it does the same.
type Gate struct {
	c       policy.GateConfig
	ch      *Channel
	m       *Memory
	recent  float64       // successes before it was made,
	bad     float64       // failures before it was made,
	over    time.Duration // both in this time
	state   State
	queue   queue
	resting timed // calls that were refused, until their own time, while the gate is open

	closedAt time.Time     // when it last closed; zero if it never did
	closings int           // how often it has closed
	shutAt   time.Time     // when it first closed since it was open
	openedAt time.Time     // when it last opened
	until    time.Time     // Closed: when it reopens; Probing: when the next probe goes
	due      time.Time     // Closed: when the server has said that it will take calls again
	asked    time.Duration // the last hint
	spread   time.Duration // Closed: over which those who were refused come back
	touched  time.Time     // when something last happened
	backoff  int           // refusals or failed probes in a row
	probe    time.Time     // when the probe under way was sent; zero for none
	byQuota  bool          // it has closed because of a refusal
	scouts   scouts
	small    small
	row      row
	vain     vain

	// What was seen since it closed.
	entered          int       // new calls that came to it while it was closed
	entry            time.Time // when the last of them came
	demand           float64   // new calls in a second, while it was last closed
	lately           float64   // calls that were accepted in a second, in the minute before it closed
	came             float64   // calls in a second before trouble, and since
	returned         int       // calls that were refused and came back to wait
	passed, answered int       // calls that went through; of which the answer is known
	failed           int       // of which it was a refusal or trouble
	last             time.Time // when the last one went through

	pacer    pacer
	latency  latency
	recovery recovery
	trouble  trouble
}

// New returns an open gate with these figures, for the calls of a key of which
// one has just failed. The channel has gates for other keys too; the memory is that of
// the key, and no other gate uses it meanwhile.
func New(c policy.GateConfig, now time.Time, ch *Channel, m *Memory) *Gate {
	g := &Gate{c: c.Effective(), ch: ch, m: m, touched: now, recent: ch.Recent(now), over: ch.over(now)}
	g.trouble.successes = g.recent
	g.bad = ch.failures(now)
	g.trouble.failed = g.bad
	if !m.known(now, 0) {
		m.calls.seed(now, g.recent, g.over)
		m.accepted.seed(now, g.recent, g.over)
	}
	return g
}

// Set puts other figures in force. Where they close the gate no longer for what has
// closed it, it opens, and lets all those go that wait, but for those whom the server
// itself has told when to come back.
func (g *Gate) Set(now time.Time, c policy.GateConfig) {
	g.settle(now)
	g.c = c.Effective()
	hints := g.byQuota && g.c.Hints
	if (g.state == Closed && hints) || (g.state == Probing && g.c.Probes) || (g.state == Open && (g.c.Hints || g.c.Probes)) {
		return
	}
	g.state, g.openedAt, g.touched = Open, now, now
	g.recovery.on, g.pacer.on = false, false
	g.probe, g.scouts.sent = time.Time{}, time.Time{}
	g.row.end()
	g.trouble.reset()
}

// Concerns reports whether a gate with these figures has to do with a failure:
// if not, there is no need to make one.
func Concerns(c *policy.GateConfig, f codes.Failure) bool {
	switch meaningOf(f) {
	case refused:
		return (c.Hints && named(f)) || c.Probes
	case troubled:
		return c.Probes
	case accepted, unknown:
	}
	return false
}

// State returns the state at a time.
func (g *Gate) State(now time.Time) State {
	g.settle(now)
	return g.state
}

// Waiting returns how many calls wait.
func (g *Gate) Waiting() int { return g.queue.n + len(g.resting.calls) }

// Until returns when a closed gate reopens, or the next probe goes.
func (g *Gate) Until() time.Time { return g.until }

// Left returns how long it takes until the turn of a call that comes now, if the
// server keeps its word.
func (g *Gate) Left(now time.Time) time.Duration {
	g.settle(now)
	switch g.state {
	case Closed:
		if g.due.After(now) {
			return g.due.Sub(now)
		}
		return g.until.Sub(now)
	case Probing:
		return max(g.until.Sub(now), 0)
	case Open:
	}
	return g.pacer.turn(now, g.queue.n)
}

// Doubted returns until when one refusal does not close the gate, because its hints
// are in doubt; the zero time if they are not.
func (g *Gate) Doubted(now time.Time) time.Time { return g.m.Doubted(now) }

// Pace returns how many calls go through in a second, or 0 if their number is
// not limited. It may be more for a while, if those that wait would not all leave
// in time.
func (g *Gate) Pace(now time.Time) float64 { return g.pacer.at(now) }

// AtRest reports whether the gate has nothing more to say: then it can be
// dropped. So it is when nothing has happened for so long that what it knows is
// no longer true.
func (g *Gate) AtRest(now time.Time) bool {
	g.settle(now)
	switch {
	case g.Waiting() > 0:
		return false
	case !now.Before(g.forgotten()):
		return true
	}
	return g.state == Open && g.trouble.failures == 0 && g.row.n == 0 && g.pacer.idle(now)
}

// forgotten returns when the gate is at rest if nothing more happens.
func (g *Gate) forgotten() time.Time { return later(g.until, g.touched.Add(2*minute)) }

// Holds reports whether a call that failed so has nothing to wait for but the
// gate: it is closed for as long as the server asks, or until it has answered.
func (g *Gate) Holds(now time.Time, f codes.Failure) bool {
	g.settle(now)
	switch {
	case f.Pushback.Set || f.Delay > policy.DefaultMaxServerDelay:
		return false
	case g.state == Closed:
		return !g.until.Before(now.Add(f.Delay))
	default:
		return g.state == Probing && f.Delay <= 0
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
