package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Ticket is what a call takes along that goes through, to be given to
// [Gate.Done] once. The zero value is that of a call that was sent when there was
// no gate.
type Ticket struct {
	sent time.Time
	kind kind
	size int
	// closings is how often the gate had closed.
	closings int
}

// Ungated returns the ticket of a call with a request of so many bytes that was sent
// when there was no gate.
func Ungated(size int) Ticket { return Ticket{size: size} }

// Sent returns when the call went through; zero if there was no gate.
func (t Ticket) Sent() time.Time { return t.sent }

// Scout reports whether the call went through a closed gate to find out whether it
// would be accepted. A refusal is then no fault of its own: it counts as no attempt.
func (t Ticket) Scout() bool { return t.kind == scouting || t.kind == passing }

// kind is why a call went through.
type kind uint8

const (
	plain kind = iota
	probing
	scouting
	passing // because its request is small
)

// meaning is what an answer says about the server.
type meaning uint8

const (
	accepted meaning = iota
	refused
	troubled
	unknown
)

// meaningOf returns the meaning of a failure, or of a success if it is zero. An
// answer that has nothing to do with load, as that the request is wrong, is still
// one of a server that works.
func meaningOf(f codes.Failure) meaning {
	switch f.Class.Load() {
	case codes.Accepted:
		return accepted
	case codes.Refused:
		return refused
	case codes.Troubled:
		return troubled
	case codes.Unrelated:
		if f.Reach == codes.Answered {
			return accepted
		}
	case codes.Untold:
	}
	return unknown
}

// named reports whether a refusal names a time that is worth to be waited out.
func named(f codes.Failure) bool { return f.Delay > 0 && f.Delay <= policy.DefaultMaxServerDelay }

// Done tells how a call ended that had gone through: f is its failure, or zero
// for a success; u in [0, 1) is the number from the dice. A call whose caller has
// ended it is told as codes.Ended. The answer to a call that was sent before the
// gate closed changes nothing.
func (g *Gate) Done(now time.Time, t Ticket, f codes.Failure, u float64) {
	g.settle(now)
	g.touched = now
	m := meaningOf(f)
	if m == refused && !t.sent.IsZero() {
		g.m.refusals.note(now.Sub(t.sent))
	}
	if m == accepted {
		g.m.accepted.add(now, 1)
	}
	probe := t.kind == probing && t.sent.Equal(g.probe)
	if probe {
		g.probe = time.Time{}
	}
	scout := t.kind == scouting && t.sent.Equal(g.scouts.sent)
	if scout {
		g.scouts.sent = time.Time{}
	}
	if m == refused && !t.sent.IsZero() && t.sent.Equal(g.scouts.trusted) {
		g.mistrust(now, t, f, u)
		return
	}
	if g.stale(t) {
		return
	}
	if !t.sent.IsZero() {
		g.answered = min(g.answered+1, g.passed)
		if m == refused || m == troubled {
			g.failed++
		}
	}
	if t.kind == passing && g.state == Closed {
		g.sizes(now, t, m)
	}
	if scout && (m == troubled || (m == unknown && now.After(t.sent))) {
		g.planScout(now, u) // it has told nothing
	}
	switch m {
	case accepted:
		g.accept(now, t)
	case refused:
		g.refuse(now, t, f, u)
	case troubled:
		if g.c.Probes && (g.trouble.failure(now, t, f.Class, &g.c) || probe) {
			g.shut(now)
			g.byQuota = false
			g.recovery.begin()
			g.probeLater(now, u)
		}
	case unknown: // if it was a probe, the next one may go at once
	}
}

// stale reports whether a call was sent before the gate last closed.
func (g *Gate) stale(t Ticket) bool {
	switch {
	case g.closings == 0:
		return false
	case t.sent.Equal(g.closedAt): // in that moment
		return t.closings != g.closings
	}
	return t.sent.Before(g.closedAt)
}

// accept takes a success.
func (g *Gate) accept(now time.Time, t Ticket) {
	g.backoff = 0
	g.trouble.success(t)
	g.row.accepted(t.sent)
	if !t.sent.IsZero() {
		took := now.Sub(t.sent)
		g.latency.note(took)
		since := now.Sub(g.openedAt)
		times := g.recovery.success(since, took)
		if since < 2*minute { // later it may be the new usual
			g.pacer.slow(now, times/g.c.Slow, g.came)
		}
	}
	switch g.state {
	case Probing:
		g.reopen(now, t.sent)
	case Closed:
		if t.kind != passing {
			g.cameThrough(now, t.sent)
		}
	case Open:
	}
}
