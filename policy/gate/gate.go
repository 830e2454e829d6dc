package gate

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// State is what a [Gate] does with those who arrive.
type State uint8

// The states.
const (
	// Open: calls go through, at a pace if there is one.
	Open State = iota
	// Closed: no call goes through until a time that the server has named.
	Closed
	// Probing: one call at a time goes through, to find out.
	Probing
)

// String returns the name as logs and metrics spell it.
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case Closed:
		return "closed"
	case Probing:
		return "probing"
	}
	return "unknown"
}

// Verdict is what becomes of a call at the gate.
type Verdict uint8

// The verdicts.
const (
	// Wait: the call is in the queue.
	Wait Verdict = iota
	// Pass: it goes through now.
	Pass
	// Refuse: its turn cannot come before its deadline.
	Refuse
)

// Ticket is what a call takes along that goes through, to be given to
// [Gate.Done]. The zero value is that of a call that was sent when there was no
// gate.
type Ticket struct {
	sent  time.Time
	probe bool
}

// Gate is the gate of one quota key of one channel: see the package. It is not
// safe for concurrent use: its owner has a lock. Make it with [New] when the
// first call fails, and drop it when it is [Gate.AtRest].
type Gate struct {
	c      policy.GateConfig
	recent float64       // successes before it was made,
	over   time.Duration // in this time
	state  State
	queue  queue

	closedAt time.Time // when it last closed; zero if it never did
	shutAt   time.Time // when it first closed since it was open
	until    time.Time // Closed: when it reopens; Probing: when the next probe goes
	due      time.Time // Closed: when the server has said that it will take calls again
	backoff  int       // refusals or failed probes in a row
	probe    time.Time // when the probe under way was sent; zero for none

	// What was seen since it closed.
	entered          int // calls that came to it while it was closed
	passed, answered int // that went through, of which the answer is known
	failed           int // of which it was a refusal or trouble
	answers          int // successes, ever

	pacer    pacer
	latency  latency
	recovery recovery
	trouble  trouble
}

// New returns an open gate with these figures, for the calls of a key of which
// one has just failed; p has counted those that succeeded before.
func New(c policy.GateConfig, now time.Time, p Pulse) *Gate {
	g := &Gate{c: c.Effective(), recent: p.Recent(now), over: p.over(now)}
	g.trouble.healthy = g.recent >= float64(g.c.Healthy)
	return g
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
// not limited.
func (g *Gate) Pace(now time.Time) float64 { return g.pacer.at(now, &g.c) }

// AtRest reports whether the gate has nothing more to say: then it can be
// dropped.
func (g *Gate) AtRest(now time.Time) bool {
	g.settle(now)
	return g.state == Open && g.queue.n == 0 && g.trouble.none() && (!g.pacer.on || g.pacer.idle(now))
}

// Enter lets a call through, puts it into the queue, or refuses it.
func (g *Gate) Enter(now time.Time, w *Waiter) Verdict {
	g.settle(now)
	if w.came.IsZero() {
		w.came = now
		if g.state != Open {
			g.entered++
		}
	}
	if g.queue.n == 0 && g.free(now) {
		g.pass(now, w)
		return Pass
	}
	g.pacer.busy(now)
	w.limit = time.Time{}
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

// Leave takes a call out of the queue that waits no longer.
func (g *Gate) Leave(w *Waiter) { g.queue.remove(w) }

// Admit returns a call that need not wait any longer, and why: [Pass] or
// [Refuse]; nil if there is none. Call it until there is none after every other
// method, and at the time that [Gate.Next] then returns.
func (g *Gate) Admit(now time.Time) (*Waiter, Verdict) {
	g.settle(now)
	if w := g.queue.hopeless(); w != nil {
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

// Next returns when [Gate.Admit] has to be called again, or the zero time if
// that is not before another method was called.
func (g *Gate) Next(now time.Time) time.Time {
	if g.queue.n == 0 {
		return time.Time{}
	}
	next := g.until
	switch {
	case g.state == Probing && !g.probe.IsZero():
		next = g.probe.Add(g.c.ProbeMax)
	case g.state == Open && !g.recovery.room(g, now):
		next = time.Time{}
	case g.state == Open:
		next = g.pacer.next
	}
	if limit := g.queue.nextLimit(); !limit.IsZero() && (next.IsZero() || limit.Before(next)) {
		next = limit
	}
	return next
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
		return g.pacer.free(now) && g.recovery.room(g, now)
	case Probing:
		return !now.Before(g.until) && (g.probe.IsZero() || !now.Before(g.probe.Add(g.c.ProbeMax)))
	default:
		return false
	}
}

// pass lets a call through.
func (g *Gate) pass(now time.Time, w *Waiter) {
	w.ticket = Ticket{sent: now}
	switch g.state {
	case Probing:
		w.ticket.probe = true
		g.probe = now
	default:
		g.pacer.pass(now, &g.queue, &g.recovery, &g.c)
	}
	g.passed++
	g.trouble.sent()
}

// stale reports whether a call was sent before the gate closed: its answer
// says nothing about what is now.
func (g *Gate) stale(t Ticket) bool {
	return !g.closedAt.IsZero() && !t.sent.After(g.closedAt)
}

// Done tells how a call ended that had gone through; u in [0, 1) is the number
// from the dice. f is its failure, or zero for a success.
func (g *Gate) Done(now time.Time, t Ticket, f codes.Failure, u float64) {
	g.settle(now)
	probe := t.probe && t.sent.Equal(g.probe)
	if probe {
		g.probe = time.Time{}
	}
	if g.stale(t) {
		return
	}
	g.answered++
	switch verdict(f) {
	case accepted:
		g.backoff = 0
		g.answers++
		g.trouble.success(t, g.recent+float64(g.answers) >= float64(g.c.Healthy))
		if g.recovery.success(now.Sub(t.sent), g.c.InFlight*g.pacer.at(now, &g.c)*g.latency.mean.Seconds() >= 1, g.c.Slow) {
			g.pacer.again(now)
		}
		if !t.sent.IsZero() {
			g.latency.note(now.Sub(t.sent))
		}
		if g.state == Probing {
			g.open(now, t.sent)
		}
	case refused:
		g.failed++
		g.refuse(now, f, u, probe)
	case troubled:
		g.failed++
		if !g.c.Probes {
			return
		}
		if g.trouble.failure(now, t, f.Class, &g.c) || probe {
			g.shut(now, true)
			g.probeLater(now, u)
		}
	case unknown:
		if probe {
			g.until = now
		}
	}
}

// refuse takes a refusal by the quota.
func (g *Gate) refuse(now time.Time, f codes.Failure, u float64, probe bool) {
	switch {
	case f.Delay > 0 && g.c.Hints:
		spread := max(time.Duration(float64(f.Delay)*g.c.Spread), g.c.MinSpread)
		if g.backoff > 0 { // it has waited out a time before, and was refused again
			spread += min(g.c.Again<<min(g.backoff-1, 20), g.c.ProbeMax)
		}
		g.shut(now, false)
		g.state = Closed
		g.due = now.Add(f.Delay)
		g.until = now.Add(f.Delay + time.Duration(u*float64(spread)))
		g.backoff++
		g.sweep(now)
	case g.c.Probes:
		g.shut(now, false)
		g.probeLater(now, u)
	}
}

// shut closes the gate.
func (g *Gate) shut(now time.Time, trouble bool) {
	if g.state == Open {
		g.pacer.accepted = float64(g.passed - g.failed)
		g.recovery.on = false
		g.entered = 0
		g.shutAt = now
	}
	if trouble {
		g.recovery.begin()
	}
	g.closedAt = now
	g.passed, g.answered, g.failed = 0, 0, 0
	g.probe = time.Time{}
	g.trouble.reset()
}

// probeLater sets the time of the next probe.
func (g *Gate) probeLater(now time.Time, u float64) {
	g.state = Probing
	wait := float64(g.backoffOf(g.backoff))
	if closed := now.Sub(g.shutAt); g.entered > 0 { // a probe for so many calls that come
		wait = min(wait, max(float64(g.c.ProbeBase), g.c.ProbeShare*float64(closed)/float64(g.entered)))
	}
	g.until = now.Add(time.Duration((0.5 + u/2) * wait))
	g.backoff++
}

// backoffOf returns the backoff of a probe.
func (g *Gate) backoffOf(n int) time.Duration {
	d := float64(g.c.ProbeBase) * math.Pow(g.c.ProbeMultiplier, float64(n))
	return time.Duration(min(d, float64(g.c.ProbeMax)))
}

// open reopens the gate.
func (g *Gate) open(now, due time.Time) {
	g.state = Open
	g.pacer.open(g, now, due)
}

// Holds reports whether a call that failed so has nothing to wait for but the
// gate: it is closed for as long as the server asks, or until it has answered.
func (g *Gate) Holds(now time.Time, f codes.Failure) bool {
	g.settle(now)
	switch g.state {
	case Closed:
		return !f.Pushback.Set && !g.until.Before(now.Add(f.Delay))
	case Probing:
		return !f.Pushback.Set && f.Delay <= 0
	default:
		return false
	}
}

// Concerns reports whether a gate with these figures has to do with a failure.
func Concerns(c *policy.GateConfig, f codes.Failure) bool {
	switch verdict(f) {
	case refused:
		return (c.Hints && f.Delay > 0) || c.Probes
	case troubled:
		return c.Probes
	case accepted, unknown:
	}
	return false
}

// hopeless reports whether the turn of a call with so many before it cannot come
// before its deadline.
func (g *Gate) hopeless(now time.Time, w *Waiter, ahead int) bool {
	if w.Deadline.IsZero() {
		return false
	}
	at := now
	if g.state != Open && g.until.After(now) {
		at = g.until
	}
	if g.state == Open {
		at = at.Add(g.pacer.turn(now, ahead, &g.c))
	} else { // the measured pace, from its beginning
		fresh := g.pacer
		fresh.since = at
		at = at.Add(fresh.turn(at, ahead, &g.c))
	}
	need := time.Duration(g.c.Margin * float64(g.latency.mean))
	return !at.Add(min(need, w.Deadline.Sub(w.came)/2)).Before(w.Deadline)
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

// meaning is what an answer says about the server.
type meaning uint8

const (
	accepted meaning = iota
	refused
	troubled
	unknown
)

func verdict(f codes.Failure) meaning {
	switch f.Class {
	case codes.None:
		return accepted
	case codes.Quota:
		return refused
	case codes.Server, codes.Network, codes.Timeout:
		return troubled
	}
	if f.Reach == codes.Answered && f.Class != codes.Ended {
		return accepted
	}
	return unknown
}
