package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Gate is the gate of one quota key of one channel: see the package documentation. A Gate
// is not safe for concurrent use; the owner holds a lock. Make a Gate with [New] when the
// first call fails, and drop the Gate when it is [Gate.AtRest].
//
// After calling any method the owner calls [Gate.Admit] until no call is left to tell, and
// sets a timer for [Gate.Next] to do the same.
type Gate struct {
	c       policy.GateConfig
	ch      *Channel
	m       *Memory
	recent  float64       // successes of the channel during over, before the gate was made
	bad     float64       // failures of the channel in the same time
	over    time.Duration // a minute, or less on a new channel
	state   State
	queue   queue
	resting timed // refused calls that wait out their own hint, outside the queue

	closedAt time.Time     // last closing; zero if the gate never closed
	closings int           // number of closings
	shutAt   time.Time     // first closing since the gate was last open
	openedAt time.Time     // last reopening
	until    time.Time     // Closed: when the gate reopens; Probing: when the next probe goes
	due      time.Time     // Closed: when the server has said to come back
	asked    time.Duration // the last hint
	spread   time.Duration // Closed: the time over which refused calls come back
	touched  time.Time     // last event
	backoff  int           // refusals or failed probes in a row
	probe    time.Time     // when the probe under way was sent; zero for none
	silent   time.Duration // the longest time a probe went without an answer, since the last success
	byQuota  bool          // a refusal closed the gate last, not trouble
	scouts   scouts
	small    small
	row      row
	vain     vain
	lowered  lowering
	// overtaken says that calls wait behind others that came later, since the last sweep.
	overtaken bool
	yield     yield
	swept     time.Time

	// Measured since the gate closed, unless the comment says otherwise.
	entered          int       // new calls that arrived while the gate was closed
	entry            time.Time // when the last new call arrived
	demand           float64   // new calls per second during the last closing
	lately           float64   // accepted calls per second in the minute before the gate closed
	came             float64   // calls per second, before and during trouble
	returned         int       // refused calls that came back to wait
	passed, answered int       // calls that went through; of these, calls with a known answer
	failed           int       // of the answered calls, those with a refusal or trouble
	last             time.Time // when the last call went through

	pacer    pacer
	latency  latency
	recovery recovery
	trouble  trouble
}

// New returns an open gate with the figures c for a key whose call has just failed. All
// gates of a channel share ch. The memory m belongs to the key; no other gate uses m
// meanwhile.
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

// Set puts the figures c in force. If c no longer closes the gate for the cause of the
// closing, the gate opens and lets all waiting calls go, except refused calls whose own
// hint has not ended.
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

// Concerns reports whether a gate with the figures c reacts to the failure f. If not, no
// gate is needed.
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

// State returns the state at now.
func (g *Gate) State(now time.Time) State {
	g.settle(now)
	return g.state
}

// Waiting returns the number of waiting calls.
func (g *Gate) Waiting() int { return g.queue.n + len(g.resting.calls) }

// Until returns when a closed gate reopens, or when the next probe goes.
func (g *Gate) Until() time.Time { return g.until }

// Left returns the time until the turn of a call, if the server's hint is true: of a call that
// has come to the gate, or with nil of one that arrives now.
func (g *Gate) Left(now time.Time, w *Waiter) time.Duration {
	g.settle(now)
	w, before := g.stands(w)
	var left time.Duration
	switch g.state {
	case Closed:
		left = g.until.Sub(now)
		if g.due.After(now) {
			left = g.due.Sub(now)
		}
	case Probing:
		left = max(g.until.Sub(now), 0)
	case Open:
		left = g.pacer.turn(now, before.calls)
	}
	return max(left, g.room(now, w, before).Sub(now))
}

// stands returns a call with the calls ahead: a call that arrives now for nil.
func (g *Gate) stands(w *Waiter) (*Waiter, ahead) {
	if w == nil {
		w = &Waiter{Usual: true, band: bandOf(0)}
		w.takes = g.m.takes(w)
	}
	return w, g.queue.before(w)
}

// Doubted returns until when hints are in doubt, so that one refusal does not close the
// gate; the zero time if hints are not in doubt.
func (g *Gate) Doubted(now time.Time) time.Time { return g.m.Doubted(now) }

// Pace returns how many calls per second go through, or 0 for no limit. Calls may leave
// faster for a while if the waiting calls would otherwise not all leave in time.
func (g *Gate) Pace(now time.Time) float64 { return g.pacer.at(now) }

// AtRest reports whether the owner can drop the gate: the gate has nothing left to do, or
// nothing has happened for so long that its measurements are out of date.
func (g *Gate) AtRest(now time.Time) bool {
	g.settle(now)
	switch {
	case g.Waiting() > 0, g.m.meter.emptyAt().After(now):
		return false
	case !now.Before(g.forgotten()):
		return true
	}
	return g.state == Open && g.trouble.failures == 0 && g.row.n == 0 && g.pacer.idle(now)
}

// forgotten returns when the gate comes to rest if nothing more happens.
func (g *Gate) forgotten() time.Time {
	return later(g.m.meter.emptyAt(), later(g.until, g.touched.Add(2*minute)))
}

// Holds reports whether the gate alone delays the retry after the failure f, so that the
// caller can skip its own backoff: the gate is closed for at least the server's hint, or
// probes and there is no hint.
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

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
