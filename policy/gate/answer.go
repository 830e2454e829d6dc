package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Ticket belongs to a call that went through, and is passed to [Gate.Done] once. The zero
// value is for a call sent when there was no gate.
type Ticket struct {
	sent time.Time
	kind kind
	size int
	took amount // of the known limits
	told bool   // the caller has told what it takes
	// closings is the gate's number of closings when the call was sent.
	closings int
}

// Ungated returns the ticket of a call sent when there was no gate, with a request of size
// bytes. told says whether the caller tells what calls take.
func Ungated(size int, told bool) Ticket { return Ticket{size: size, told: told} }

// Sent returns when the call went through; zero if there was no gate.
func (t Ticket) Sent() time.Time { return t.sent }

// Scout reports whether the call went through a closed gate to test the server. The call is
// not at fault if refused, so a refused scout counts as no attempt.
func (t Ticket) Scout() bool { return t.kind == scouting || t.kind == passing }

// kind is why a call went through.
type kind uint8

const (
	plain kind = iota
	probing
	scouting
	passing // with a small request
)

// meaning is what an answer says about the server.
type meaning uint8

const (
	accepted meaning = iota
	refused
	troubled
	unknown
)

// meaningOf returns the meaning of a failure; the zero Failure is a success. A failure
// unrelated to load, such as a malformed request, is still the answer of a working server.
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

// named reports whether a refusal has a hint short enough to wait out.
func named(f codes.Failure) bool { return f.Delay > 0 && f.Delay <= policy.DefaultMaxServerDelay }

// Done tells the gate how a call with ticket t ended. f is the failure, zero for a success;
// u is a random number in [0, 1). A call ended by its caller has the class codes.Ended. The
// answer to a call sent before the gate closed does not change the gate.
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
	if m == refused {
		g.yield.refused(now)
	}
	g.refund(now, t, f, m)
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
		g.planScout(now, u) // the scout has learned nothing
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
	case unknown: // after a probe, the next probe may go at once
		if probe {
			g.silent = max(g.silent, now.Sub(t.sent))
		}
	}
}

// stale reports whether a call was sent before the gate last closed.
func (g *Gate) stale(t Ticket) bool {
	switch {
	case g.closings == 0:
		return false
	case t.sent.Equal(g.closedAt): // sent at the moment of closing
		return t.closings != g.closings
	}
	return t.sent.Before(g.closedAt)
}

// accept handles a success.
func (g *Gate) accept(now time.Time, t Ticket) {
	g.backoff, g.silent = 0, 0
	g.trouble.success(t)
	g.row.accepted(t.sent)
	if !t.sent.IsZero() {
		took := now.Sub(t.sent)
		g.latency.note(took)
		since := now.Sub(g.openedAt)
		times := g.recovery.success(since, took)
		if since < 2*minute { // later slowness may be the new normal
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
