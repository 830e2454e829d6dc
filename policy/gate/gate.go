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
	c      policy.GateConfig
	recent float64       // successes before it was made,
	bad    float64       // failures before it was made,
	over   time.Duration // both in this time
	state  State
	queue  queue

	closedAt time.Time     // when it last closed; zero if it never did
	shutAt   time.Time     // when it first closed since it was open
	openedAt time.Time     // when it last opened
	until    time.Time     // Closed: when it reopens; Probing: when the next probe goes
	due      time.Time     // Closed: when the server has said that it will take calls again
	spread   time.Duration // Closed: over which those who were refused come back
	touched  time.Time     // when something last happened
	backoff  int           // refusals or failed probes in a row
	probe    time.Time     // when the probe under way was sent; zero for none

	// What was seen since it closed.
	entered          int       // new calls that came to it while it was closed
	entry            time.Time // when the last of them came
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
// one has just failed; p has counted those that succeeded before.
func New(c policy.GateConfig, now time.Time, p Pulse) *Gate {
	g := &Gate{c: c.Effective(), touched: now, recent: p.Recent(now), over: p.over(now)}
	g.trouble.successes = g.recent
	g.bad = p.failures(now)
	g.trouble.failed = g.bad
	return g
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
func (g *Gate) Waiting() int { return g.queue.n }

// Until returns when a closed gate reopens, or the next probe goes.
func (g *Gate) Until() time.Time { return g.until }

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
	case g.queue.n > 0:
		return false
	case !now.Before(g.forgotten()):
		return true
	}
	return g.state == Open && g.trouble.failures == 0 && g.pacer.idle(now)
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

// Enter lets a call through, puts it into the queue, or refuses it. One that is
// in the queue stays there.
func (g *Gate) Enter(now time.Time, w *Waiter) Verdict {
	g.settle(now)
	if w.queued {
		return Wait
	}
	g.touched = now
	g.queue.arrive(w)
	if w.came.IsZero() {
		w.came = now
	}
	switch {
	case g.state == Open:
	case w.Again:
		g.returned++
	default:
		g.entered++
		g.entry = now
	}
	if g.queue.n == 0 && g.free(now) {
		g.pass(now, w)
		return Pass
	}
	g.pacer.busy(now)
	ahead := g.queue.insert(w)
	if g.hopeless(now, w, ahead) {
		g.queue.remove(w)
		return Refuse
	}
	if w.Deadline.IsZero() {
		w.limit = now.Add(g.c.MaxWait)
		g.queue.limit(w)
	}
	return Wait
}

// Leave takes a call out of the queue that waits no longer. One that is not in it
// is left alone.
func (g *Gate) Leave(w *Waiter) { g.queue.remove(w) }

// Admit returns a call that need not wait any longer, and why: [Pass] or
// [Refuse]; nil if there is none.
func (g *Gate) Admit(now time.Time) (*Waiter, Verdict) {
	g.settle(now)
	if w := g.queue.givenUp(); w != nil {
		return w, Refuse
	}
	if w := g.queue.first; w != nil && g.free(now) {
		g.queue.remove(w)
		if g.hopeless(now, w, 0) {
			return w, Refuse
		}
		g.pass(now, w)
		return w, Pass
	}
	if w := g.queue.overdue(now); w != nil {
		g.queue.remove(w)
		g.pass(now, w)
		return w, Pass
	}
	return nil, Wait
}

// Next returns when [Gate.Admit] has to be called again: because it may be some
// call's turn, or, if none waits, because the gate may be at rest; the zero time if
// it is.
func (g *Gate) Next(now time.Time) time.Time {
	if g.queue.n == 0 {
		if at := g.forgotten(); at.After(now) {
			return at
		}
		return time.Time{} // it is at rest
	}
	var next time.Time
	switch g.state {
	case Closed:
		next = g.until
	case Probing:
		next = g.until
		if !g.probe.IsZero() {
			next = later(next, g.probe.Add(g.c.ProbeMax))
		}
	case Open:
		next = g.pacer.next
		if !g.room(now) {
			next = later(next, g.last.Add(g.c.ProbeMax))
		}
	}
	if limit := g.queue.nextLimit(); !limit.IsZero() && limit.Before(next) {
		next = limit
	}
	return next
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// settle reopens a gate whose time has come.
func (g *Gate) settle(now time.Time) {
	if g.state == Closed && !now.Before(g.until) {
		g.open(g.until, g.due)
	}
}

// free reports whether a call may go through now.
func (g *Gate) free(now time.Time) bool {
	switch g.state {
	case Open:
		return g.pacer.free(now, g.queue.n) && g.room(now)
	case Probing:
		return !now.Before(g.until) && (g.probe.IsZero() || !now.Before(g.probe.Add(g.c.ProbeMax)))
	default:
		return false
	}
}

// room reports whether another call may be under way. If no answer comes at all,
// those who would bring it may have gone: then one goes through after the longest
// backoff of a probe.
func (g *Gate) room(now time.Time) bool {
	return !g.recovery.on || g.passed-g.answered < g.recovery.most(g.c.InFlight*g.pacer.at(now)) ||
		!now.Before(g.last.Add(g.c.ProbeMax))
}

// pass lets a call through.
func (g *Gate) pass(now time.Time, w *Waiter) {
	w.ticket = Ticket{sent: now, probe: g.state == Probing}
	if g.state == Probing {
		g.probe = now
	} else {
		g.pacer.pass(now, g.share(now))
	}
	if now.Sub(g.last) >= g.c.ProbeMax { // who is still under way will not tell any more
		g.answered = g.passed
	}
	g.passed++
	g.last = now
	g.trouble.sent++
}

// share returns the time for each of the calls that wait, if the last of them is
// to leave in time: being refused costs a request, and waiting too long the call.
// After trouble that does not count.
func (g *Gate) share(now time.Time) time.Duration {
	if g.recovery.on {
		return forever
	}
	return g.queue.share(now)
}

// hopeless reports whether the turn of a call with so many before it cannot come
// in time.
func (g *Gate) hopeless(now time.Time, w *Waiter, ahead int) bool {
	if w.Deadline.IsZero() {
		return false
	}
	turn := now
	if g.state == Open {
		turn = now.Add(g.pacer.turn(now, ahead))
	} else { // at the pace of before, once it is open
		turn = later(now, g.until)
		again := g.pacer
		again.since, again.next = turn, turn
		turn = turn.Add(again.turn(turn, ahead))
	}
	need := time.Duration(g.c.Margin * float64(g.latency.mean))
	return !turn.Add(min(need, w.Deadline.Sub(w.came)/2)).Before(w.Deadline)
}

// sweep finds those in the queue whose turn cannot come any more.
func (g *Gate) sweep(now time.Time) {
	ahead := 0
	for w := g.queue.first; w != nil; {
		next := w.next
		if g.hopeless(now, w, ahead) {
			g.queue.giveUp(w)
		} else {
			ahead++
		}
		w = next
	}
}
