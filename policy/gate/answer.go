package gate

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Ticket is what a call takes along that goes through, to be given to
// [Gate.Done] once. The zero value is that of a call that was sent when there was
// no gate.
type Ticket struct {
	sent  time.Time
	probe bool
}

// Sent returns when the call went through; zero if there was no gate.
func (t Ticket) Sent() time.Time { return t.sent }

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
	switch f.Class {
	case codes.None:
		return accepted
	case codes.Quota:
		return refused
	case codes.Server, codes.Network, codes.Timeout:
		return troubled
	default:
		if f.Reach == codes.Answered && f.Class != codes.Ended {
			return accepted
		}
		return unknown
	}
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
	probe := t.probe && t.sent.Equal(g.probe)
	if probe {
		g.probe = time.Time{}
	}
	if !g.closedAt.IsZero() && !t.sent.After(g.closedAt) {
		return
	}
	m := meaningOf(f)
	if !t.sent.IsZero() {
		g.answered = min(g.answered+1, g.passed)
		if m == refused || m == troubled {
			g.failed++
		}
	}
	switch m {
	case accepted:
		g.accept(now, t)
	case refused:
		g.refuse(now, f, u)
	case troubled:
		if g.c.Probes && (g.trouble.failure(now, t, f.Class, &g.c) || probe) {
			g.shut(now)
			g.recovery.begin()
			g.probeLater(now, u)
		}
	case unknown: // if it was a probe, the next one may go at once
	}
}

// accept takes a success.
func (g *Gate) accept(now time.Time, t Ticket) {
	g.backoff = 0
	g.trouble.success(t)
	if !t.sent.IsZero() {
		took := now.Sub(t.sent)
		g.latency.note(took)
		if g.recovery.success(took, g.c.Slow) && now.Sub(g.openedAt) < 2*minute { // later it may be the new usual
			g.pacer.again(now)
		}
	}
	if g.state == Probing {
		g.open(now, t.sent)
	}
}

// refuse takes a refusal by the quota.
func (g *Gate) refuse(now time.Time, f codes.Failure, u float64) {
	switch {
	case named(f) && g.c.Hints:
		spread := max(time.Duration(float64(f.Delay)*g.c.Spread), g.c.MinSpread)
		if g.backoff > 0 { // a time was waited out, and was not the truth
			spread += backoff(g.c.Again, 2, g.c.ProbeMax, g.backoff-1)
		}
		g.shut(now)
		g.state, g.spread = Closed, spread
		g.due = now.Add(f.Delay)
		g.until = g.due.Add(time.Duration(u * float64(spread)))
		g.backoff++
		g.sweep(now)
	case f.Delay <= 0 && g.c.Probes:
		g.shut(now)
		g.spread = 0
		g.probeLater(now, u)
	}
}

// shut closes the gate.
func (g *Gate) shut(now time.Time) {
	if g.state == Open {
		g.pacer.accepted = float64(g.passed - g.failed)
		g.recovery.on = false
		g.entered, g.returned = 0, 0
		g.shutAt = now
	}
	g.closedAt = now
	g.passed, g.answered, g.failed = 0, 0, 0
	g.probe = time.Time{}
	g.trouble.over()
}

// probeLater sets the time of the next probe. One is due for so many calls that
// come, and for each that has to leave in time.
func (g *Gate) probeLater(now time.Time, u float64) {
	g.state = Probing
	wait := backoff(g.c.ProbeBase, g.c.ProbeMultiplier, g.c.ProbeMax, g.backoff)
	if g.entered > 0 {
		each := float64(now.Sub(g.shutAt)) / float64(g.entered)
		wait = min(wait, max(g.c.ProbeBase, time.Duration(g.c.ProbeShare*each)))
	}
	wait = min(wait, max(g.c.ProbeBase, g.share(now)))
	g.until = later(now.Add(time.Duration((0.5+u/2)*float64(wait))), g.due)
	g.backoff++
}

// backoff returns min(base * multiplier^n, limit).
func backoff(base time.Duration, multiplier float64, limit time.Duration, n int) time.Duration {
	return time.Duration(min(float64(base)*math.Pow(multiplier, float64(n)), float64(limit)))
}

// open reopens the gate at a time, when that was due.
func (g *Gate) open(now, due time.Time) {
	g.state, g.openedAt = Open, now
	closed := max(now.Sub(g.shutAt), time.Millisecond)
	g.pacer.measure(due)
	if g.recovery.on {
		known := g.recent + g.bad + float64(g.entered)
		g.pacer.begin(now, g.c.Recovery*known/(g.over+closed).Seconds(), g.c.Regrowth, closed)
		return
	}
	pace := g.pacer.measured()
	measured := pace > 0
	if !measured {
		pace = g.offered(closed)
	}
	g.pacer.begin(now, g.c.Headroom*pace, g.c.Growth, closed)
	g.pacer.loose, g.pacer.credit = !measured, g.pacer.cycle/4
}

// offered returns how many calls came in a second while the gate was closed, which
// is all that is known where nothing was measured. Callers that wait for their
// calls bring no further ones, so that the time counts until the last new one. Those
// that were refused come back as if each had a spread of its own.
func (g *Gate) offered(closed time.Duration) float64 {
	pace := 1 / closed.Seconds()
	if g.entered > 1 {
		pace = max(pace, float64(g.entered)/max(g.entry.Sub(g.shutAt), g.c.MinSpread).Seconds())
	}
	if g.spread > 0 {
		closed = g.spread
	}
	return max(pace, float64(g.returned)/closed.Seconds())
}
