package gate

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// refuse handles a refusal by the quota.
func (g *Gate) refuse(now time.Time, t Ticket, f codes.Failure, u float64) {
	hint := named(f) && g.c.Hints
	if !hint && (f.Delay > 0 || !g.c.Probes) {
		return
	}
	if g.state == Closed {
		g.refusedAgain(now, t, f, u)
		return
	}
	if g.state == Open && !g.speaks(now, t, f) {
		return
	}
	g.closeFor(now, t, f, u)
}

// speaks reports whether a refusal speaks for the whole key and not only for its own call.
// An exhausted quota refuses all calls sent after the first refusal. Where a share of the
// calls is refused regardless of load, few are refused in a row. With too few calls to
// tell, a refusal speaks for the key, unless hints are in doubt.
func (g *Gate) speaks(now time.Time, t Ticket, f codes.Failure) bool {
	if !g.row.refused(now, t) {
		return false
	}
	g.m.refused.add(now, 1)
	g.m.learned = now
	g.vain.open.refused++
	holds := max(g.m.calls.rate(now), g.demand) * f.Delay.Seconds()
	alarm := unlikely
	switch {
	case g.pacer.on && !g.pacer.loose && g.m.share(now) <= rare:
		alarm = unlikelyAtPace
	case holds >= many:
		alarm = heldInVain / holds
	}
	if g.m.known(now, g.demand) && g.m.chance(now, &g.row, &g.vain, f.Delay, holds, alarm) {
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
	if g.backoff > 0 { // a hint was waited out and refused again
		again := backoff(g.c.Again, 2, g.c.ProbeMax, g.backoff-1)
		if g.demand >= busy { // the next calls will show soon enough
			again = min(again, backoff(2*f.Delay, 4, g.c.ProbeMax, g.backoff-1))
		}
		spread += again
	}
	g.shut(now)
	g.state, g.spread = Closed, spread
	g.asked, g.due = f.Delay, now.Add(f.Delay)
	g.until = g.due.Add(time.Duration(u * float64(spread)))
	g.backoff++
	g.scouts.sent = time.Time{}
	g.small = small{}
	if t.size > 0 && !now.Before(g.m.unsized) {
		g.small.begin(t.size)
	}
	g.scouts.begin(now, g.due, f.Delay, g.m.calls.count(now))
	g.planScout(now, u)
	g.sweep(now)
}

// spreadOf returns the range of the random time added to a hint, so that clients do not
// come back together.
func (g *Gate) spreadOf(hint time.Duration) time.Duration {
	return max(time.Duration(float64(hint)*g.c.Spread), g.c.MinSpread)
}

// refusedAgain handles the refusal of a call that went through the closed gate. The gate
// stays closed until both hints have ended, unless the server repeats the same hint: a
// constant hint does not say when to come back.
func (g *Gate) refusedAgain(now time.Time, t Ticket, f codes.Failure, u float64) {
	g.m.refused.add(now, 1)
	g.m.learned = now
	if t.kind != passing {
		g.m.missed++
		g.m.scouted = now
		g.planScout(now, u)
	}
	if same := f.Delay == g.asked && now.Before(g.due); f.Delay > 0 && !same {
		g.asked = f.Delay
		g.due = later(g.due, now.Add(f.Delay))
		g.until = later(g.until, now.Add(f.Delay+time.Duration(u*float64(g.spreadOf(f.Delay)))))
	}
	g.scouts.begin(now, g.due, f.Delay, g.m.calls.count(now))
	g.sweep(now)
}

// mistrust handles the late refusal of a call that counted as accepted.
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

// shut closes the gate and restarts the counts.
func (g *Gate) shut(now time.Time) {
	if g.state == Open {
		if g.closings > 0 {
			g.vain.closed()
		}
		g.pacer.accepted = float64(g.passed - g.failed)
		if open := now.Sub(g.openedAt); !g.openedAt.IsZero() && open > 0 {
			g.pacer.open = g.pacer.accepted / open.Seconds()
		}
		g.lately = g.m.accepted.count(now) / minute.Seconds()
		g.recovery.on = false
		g.entered, g.returned, g.scouts.came = 0, 0, -1
		g.shutAt = now
	}
	g.closedAt = now
	g.closings++
	g.scouts.trusted = time.Time{}
	g.passed, g.answered, g.failed = 0, 0, 0
	g.probe = time.Time{}
	g.trouble.over()
}

// probeLater sets the time of the next probe. The backoff is shortened to the time in which
// ProbeShare calls arrive, and to the time per waiting call if all are to leave in time,
// but not below ProbeBase.
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
