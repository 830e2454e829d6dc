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
	sent time.Time
	kind kind
	size int
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
	m := meaningOf(f)
	if m == refused && !t.sent.IsZero() {
		g.m.refusals.note(now.Sub(t.sent))
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
	if !g.closedAt.IsZero() && !t.sent.After(g.closedAt) {
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

// accept takes a success.
func (g *Gate) accept(now time.Time, t Ticket) {
	g.backoff = 0
	g.trouble.success(t)
	g.row.accepted(t.sent)
	if !t.sent.IsZero() {
		took := now.Sub(t.sent)
		g.latency.note(took)
		if g.recovery.success(took, g.c.Slow) && now.Sub(g.openedAt) < 2*minute { // later it may be the new usual
			g.pacer.again(now)
		}
	}
	switch g.state {
	case Probing:
		g.open(now, t.sent)
	case Closed:
		if t.kind != passing {
			g.cameThrough(now, t.sent)
		}
	case Open:
	}
}

// refuse takes a refusal by the quota.
func (g *Gate) refuse(now time.Time, t Ticket, f codes.Failure, u float64) {
	hint := named(f) && g.c.Hints
	if !hint && (f.Delay > 0 || !g.c.Probes) {
		return
	}
	if g.state == Closed {
		g.refusedAgain(now, t, f, u)
		return
	}
	if g.state == Open && !g.speaks(now, t) {
		return
	}
	g.closeFor(now, t, f, u)
}

// speaks reports whether a refusal speaks for the whole key, and not for its own
// call alone. A quota that is out refuses all that is sent after the first refusal;
// where a share of the calls is refused whatever the others do, few are refused in a
// row. With too few calls to tell, a refusal speaks for the key, unless its hints
// are in doubt.
func (g *Gate) speaks(now time.Time, t Ticket) bool {
	if !g.row.refused(now, t) {
		return false
	}
	g.m.refused.add(now, 1)
	g.m.learned = now
	alarm := unlikely
	if g.pacer.on && !g.pacer.loose && g.m.share(now) <= rare {
		alarm = unlikelyAtPace
	}
	if g.m.known(now, g.demand) && g.m.chance(now, &g.row, alarm) {
		return false
	}
	return g.row.n >= several || g.m.Doubted(now).IsZero()
}

// closeFor closes the gate because of a refusal.
func (g *Gate) closeFor(now time.Time, t Ticket, f codes.Failure, u float64) {
	g.row.end()
	g.byQuota = true
	if f.Delay <= 0 {
		g.shut(now)
		g.spread = 0
		g.probeLater(now, u)
		return
	}
	spread := g.spreadOf(f.Delay)
	if g.backoff > 0 { // a time was waited out, and was not the truth
		again := backoff(g.c.Again, 2, g.c.ProbeMax, g.backoff-1)
		if g.demand >= busy { // the next calls will tell
			again = min(again, backoff(2*f.Delay, 4, g.c.ProbeMax, g.backoff-1))
		}
		spread += again
	}
	g.shut(now)
	g.state, g.spread = Closed, spread
	g.due = now.Add(f.Delay)
	g.until = g.due.Add(time.Duration(u * float64(spread)))
	g.backoff++
	g.scouts.sent = time.Time{}
	g.small = small{}
	if t.size > 0 && !now.Before(g.m.unsized) {
		g.small.begin(t.size)
	}
	g.scouts.from = g.waitersScout(now, f.Delay)
	if t.kind != passing {
		g.planScout(now, u)
	}
	g.sweep(now)
}

// spreadOf returns what is added to a hint so that clients do not come back together.
func (g *Gate) spreadOf(hint time.Duration) time.Duration {
	return max(time.Duration(float64(hint)*g.c.Spread), g.c.MinSpread)
}

// refusedAgain takes the refusal of a call that went through the closed gate. The
// gate stays closed for as long as both refusals ask.
func (g *Gate) refusedAgain(now time.Time, t Ticket, f codes.Failure, u float64) {
	if t.kind != passing {
		g.m.missed++
	}
	g.m.refused.add(now, 1)
	g.m.scouted, g.m.learned = now, now
	if f.Delay > 0 {
		g.due = later(g.due, now.Add(f.Delay))
		g.until = later(g.until, now.Add(f.Delay+time.Duration(u*float64(g.spreadOf(f.Delay)))))
	}
	g.scouts.from = g.waitersScout(now, f.Delay)
	g.planScout(now, u)
	g.sweep(now)
}

// mistrust takes the late refusal of a call that counted as accepted.
func (g *Gate) mistrust(now time.Time, t Ticket, f codes.Failure, u float64) {
	g.scouts.trusted = time.Time{}
	g.m.doubted = time.Time{}
	g.m.missed++
	g.m.scouted, g.m.learned = now, now
	if g.state == Open {
		g.row.n = max(g.row.n, 1)
		g.closeFor(now, t, f, u)
	}
}

// shut closes the gate.
func (g *Gate) shut(now time.Time) {
	if g.state == Open {
		g.pacer.accepted = float64(g.passed - g.failed)
		if open := now.Sub(g.openedAt); !g.openedAt.IsZero() && open > 0 {
			g.pacer.open = g.pacer.accepted / open.Seconds()
		}
		g.recovery.on = false
		g.entered, g.returned, g.scouts.came = 0, 0, 0
		g.shutAt = now
	}
	g.closedAt = now
	g.scouts.trusted = time.Time{}
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
	g.demand = g.rate(closed)
	g.pacer.measure(due)
	if g.recovery.on {
		known := g.recent + g.bad + float64(g.entered)
		g.pacer.begin(now, g.c.Recovery*known/(g.over+closed).Seconds(), g.c.Regrowth, closed)
		return
	}
	pace := g.pacer.measured()
	measured := pace > 0 && g.m.share(now) <= rare
	if !measured {
		pace = max(g.offered(closed), g.pacer.open/2)
	}
	g.pacer.begin(now, g.c.Headroom*pace, g.c.Growth, closed)
	g.pacer.loose, g.pacer.credit = !measured, g.pacer.cycle/4
	if !g.m.Doubted(now).IsZero() {
		g.hurry(now)
	}
}

// rate returns how many new calls came in a second while the gate was closed, or 0 if
// they were too few to tell.
func (g *Gate) rate(closed time.Duration) float64 {
	if g.entered < few {
		return 0
	}
	return float64(g.entered) / closed.Seconds()
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
