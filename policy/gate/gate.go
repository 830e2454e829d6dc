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
	shutAt   time.Time     // when it first closed since it was open
	openedAt time.Time     // when it last opened
	until    time.Time     // Closed: when it reopens; Probing: when the next probe goes
	due      time.Time     // Closed: when the server has said that it will take calls again
	spread   time.Duration // Closed: over which those who were refused come back
	touched  time.Time     // when something last happened
	backoff  int           // refusals or failed probes in a row
	probe    time.Time     // when the probe under way was sent; zero for none
	byQuota  bool          // it has closed because of a refusal
	scouts   scouts
	small    small
	row      row

	// What was seen since it closed.
	entered          int       // new calls that came to it while it was closed
	entry            time.Time // when the last of them came
	demand           float64   // new calls in a second, while it was last closed
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

// rest keeps a call until its own time.
func (g *Gate) rest(w *Waiter) {
	w.resting = true
	g.resting.add(w, w.Due)
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

// Enter lets a call through, puts it into the queue, or refuses it. One that is
// in the queue stays there.
func (g *Gate) Enter(now time.Time, w *Waiter) Verdict {
	g.settle(now)
	if w.queued || w.resting {
		return Wait
	}
	g.touched = now
	g.queue.arrive(w)
	if w.came.IsZero() {
		w.came = now
	}
	if g.state != Closed && w.Due.After(now) {
		g.rest(w)
		return Wait
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
		g.pass(now, w, plain)
		return Pass
	}
	if g.state == Closed && g.small.mayGo(now, w) {
		g.passSmall(now, w)
		return Pass
	}
	g.pacer.busy(now)
	return g.wait(now, w)
}

// wait puts a call into the queue, or refuses it.
func (g *Gate) wait(now time.Time, w *Waiter) Verdict {
	ahead := g.queue.insert(w)
	if g.hopeless(now, w, ahead) {
		g.queue.remove(w)
		return Refuse
	}
	g.scouts.urgent = g.scouts.urgent || g.late(now, w, ahead)
	if w.Deadline.IsZero() {
		g.queue.limits.add(w, later(now.Add(g.c.MaxWait), w.Due))
	} else if last := g.lastMoment(w); g.state == Closed && g.due.Before(last) && !g.until.Before(last) {
		g.queue.limits.add(w, later(last, w.Due))
	}
	return Wait
}

// Leave takes a call out of the queue that waits no longer. One that is not in it
// is left alone.
func (g *Gate) Leave(w *Waiter) {
	if w.resting {
		w.resting = false
		g.resting.remove(w)
		return
	}
	g.queue.remove(w)
}

// Admit returns a call that need not wait any longer, and why: [Pass] or
// [Refuse]; nil if there is none.
func (g *Gate) Admit(now time.Time) (*Waiter, Verdict) {
	g.settle(now)
	for w := g.resting.due(now); w != nil; w = g.resting.due(now) {
		g.resting.remove(w)
		w.resting = false
		if g.wait(now, w) == Refuse {
			return w, Refuse
		}
	}
	if w := g.queue.given.next(); w != nil {
		return w, Refuse
	}
	if w := g.queue.freed.next(); w != nil {
		g.passSmall(now, w)
		return w, Pass
	}
	if w, at := g.scout(); w != nil && !now.Before(at) {
		g.queue.remove(w)
		g.ch.scout(now)
		g.scouts.sent, g.scouts.came = now, g.entered
		g.pass(now, w, scouting)
		return w, Pass
	}
	for w := g.queue.first; w != nil && g.state != Closed && w.Due.After(now); w = g.queue.first {
		g.queue.remove(w) // it opened before the time of a call that was refused itself
		g.rest(w)
	}
	if w := g.queue.first; w != nil && g.free(now) {
		g.queue.remove(w)
		if g.hopeless(now, w, 0) {
			return w, Refuse
		}
		g.pass(now, w, plain)
		return w, Pass
	}
	for w := g.queue.limits.due(now); w != nil; w = g.queue.limits.due(now) {
		if !w.Deadline.IsZero() && (g.state != Closed || now.Before(g.due)) { // it closed for longer since, or it is open
			g.queue.limits.remove(w)
			continue
		}
		g.queue.remove(w)
		g.pass(now, w, plain)
		return w, Pass
	}
	return nil, Wait
}

// Next returns when [Gate.Admit] has to be called again: because it may be some
// call's turn, or, if none waits, because the gate may be at rest; the zero time if
// it is.
func (g *Gate) Next(now time.Time) time.Time {
	if g.Waiting() == 0 && g.scouts.sent.IsZero() && g.small.sent.IsZero() {
		if at := g.forgotten(); at.After(now) {
			return at
		}
		return time.Time{} // it is at rest
	}
	var next time.Time
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	switch {
	case g.state == Closed:
		next = g.until
		if !g.scouts.sent.IsZero() {
			sooner(g.verdictAt(now))
		} else if w, at := g.scout(); w != nil {
			sooner(at)
		}
		if !g.small.sent.IsZero() {
			sooner(g.small.sent.Add(g.m.settled()))
		}
	case g.queue.n == 0:
	case g.state == Probing:
		next = g.until
		if !g.probe.IsZero() {
			next = later(next, g.probe.Add(g.c.ProbeMax))
			if g.byQuota {
				next = g.probe.Add(g.m.settled())
			}
		}
	case g.state == Open:
		next = g.pacer.next
		if !g.room(now) {
			next = later(next, g.last.Add(g.c.ProbeMax))
		}
	}
	sooner(g.queue.limits.next())
	sooner(g.resting.next())
	return next
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// settle does what time alone does: it reopens a gate whose time has come, and
// takes calls as accepted that were not refused for so long that they will not be.
func (g *Gate) settle(now time.Time) {
	settled := g.m.settled()
	over := func(sent time.Time) bool { return !sent.IsZero() && now.Sub(sent) >= settled }
	if g.state == Closed && over(g.scouts.sent) {
		g.scouts.trusted, g.scouts.sent = g.scouts.sent, time.Time{}
		g.cameThrough(now, g.scouts.trusted)
	}
	if g.state == Closed && over(g.small.sent) {
		g.small.sent = time.Time{}
		g.smallAccepted(now)
	}
	if g.state == Closed && !now.Before(g.until) {
		g.open(g.until, g.due)
	}
	if g.state == Probing && g.byQuota && over(g.probe) {
		g.scouts.trusted, g.probe = g.probe, time.Time{}
		g.open(now, g.scouts.trusted)
	}
	if over(g.row.witness) {
		g.row.accepted(g.row.witness)
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

// passSmall lets a call through whose request is small.
func (g *Gate) passSmall(now time.Time, w *Waiter) {
	if g.state != Closed { // it has opened since
		g.pass(now, w, plain)
		return
	}
	if !g.small.accepted {
		g.small.sent = now
	}
	g.pass(now, w, passing)
}

// pass lets a call through.
func (g *Gate) pass(now time.Time, w *Waiter, k kind) {
	if g.state == Probing {
		k = probing
		g.probe = now
	} else {
		g.pacer.pass(now, g.share(now))
	}
	w.ticket = Ticket{sent: now, kind: k, size: w.Size}
	if now.Sub(g.last) >= g.c.ProbeMax { // who is still under way will not tell any more
		g.answered = g.passed
	}
	g.passed++
	g.last = now
	g.trouble.sent++
	g.m.calls.add(now, 1)
	g.m.learned = now
	g.row.sent(now)
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
// in time, and no scout can save it.
func (g *Gate) hopeless(now time.Time, w *Waiter, ahead int) bool {
	if w.Deadline.IsZero() || !g.late(now, w, ahead) {
		return false
	}
	return g.state != Closed || !g.verdictAt(now).Before(w.Deadline.Add(-g.need(w)))
}

// late reports whether the turn of a call comes too late if the gate opens when it
// is to. That it opens later than the server has said makes no call late.
func (g *Gate) late(now time.Time, w *Waiter, ahead int) bool {
	if w.Deadline.IsZero() || (g.state == Open && g.pacer.loose) { // then the queue leaves in time
		return false
	}
	turn := now
	if g.state == Open {
		turn = now.Add(g.pacer.turn(now, ahead))
	} else { // at the pace of before, once it is open
		turn = later(now, g.until)
		if g.state == Closed {
			turn = later(now, g.due)
		}
		if again := g.pacer; !again.loose {
			again.since, again.next = turn, turn
			turn = turn.Add(again.turn(turn, ahead))
		}
	}
	return !turn.Before(w.Deadline.Add(-g.need(w)))
}

// lastMoment returns when a call leaves at the latest to have the time that it needs:
// half of what it had where that is not known.
func (g *Gate) lastMoment(w *Waiter) time.Time {
	if g.latency.calls == 0 {
		return w.Deadline.Add(-w.Deadline.Sub(w.came) / 2)
	}
	return w.Deadline.Add(-g.need(w))
}

// need returns how much time a call must have left when its turn comes.
func (g *Gate) need(w *Waiter) time.Duration {
	return min(time.Duration(g.c.Margin*float64(g.latency.mean)), w.Deadline.Sub(w.came)/2)
}

// sweep finds those in the queue whose turn cannot come any more, and whether there
// are some that only a scout can save.
func (g *Gate) sweep(now time.Time) {
	g.scouts.urgent = false
	ahead := 0
	for w := g.queue.first; w != nil; {
		next := w.next
		if g.hopeless(now, w, ahead) {
			g.queue.giveUp(w)
		} else {
			g.scouts.urgent = g.scouts.urgent || g.late(now, w, ahead)
			ahead++
		}
		w = next
	}
}
