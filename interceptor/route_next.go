package interceptor

import (
	"math"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// plan is a decision about a call with targets, with what it rests on.
type plan struct {
	policy.Decision
	after     past          // the failed attempt
	failure   codes.Failure // the failure, with what is left of its delay
	elsewhere policy.Elsewhere
	next      int           // the stop of the next attempt; negative for none
	charged   int           // the stop whose row pays for the attempt; negative for none
	atGate    bool          // the gate there alone delays the attempt
	wait      time.Duration // until the attempt, at a gate too
}

// decideNext decides after a failed attempt of a call with targets: what the next attempt
// is, and where. noinline keeps its frame off the stack of calls without targets.
//
//go:noinline
func (c *call) decideNext(rt *route, u float64) {
	now := c.r.clock.Now()
	s := &rt.stops[rt.at]
	row := s.past.quota
	s.tried, s.past = true, c.pastAt(now)
	s.past.quota = row
	rest := c.lookAround(rt)
	rt.unfounded = false
	p := c.planAfter(rt, rt.at, rest.open, now, u)
	goesOn := c.goesOn(p, u)
	if rt.at > 0 && c.drops(s, p) {
		s.out, goesOn = true, true // files and tuned models do not travel
		if last := rt.last(); last >= 0 {
			p = c.planAfter(rt, last, rest.open, now, u)
		} else if rest.open >= 0 {
			p = c.planFor(skipped(0), rest.open, u)
			p.after.failure, p.after.err = s.past.failure, s.past.err
		}
		rt.unfounded = rt.last() < 0
	}
	if goesOn {
		if soonest := c.soonest(rt, rest, p, now, u); !p.Move { // after a move too, the waits count from now
			p = soonest
		}
	}
	c.recall(p.after, p.elsewhere)
	c.state.AtGate = p.atGate
	rt.next, rt.charged, rt.stands = p.next, p.charged, &p.after
	c.decision = c.state.Pay(c.r.budget, p.Decision, p.failure, u)
}

// goesOn reports whether a failure with plan p allows an attempt anywhere: not if the caller
// has ended, the request may have run, or the table never retries.
func (c *call) goesOn(p plan, u float64) bool {
	switch {
	case p.Why == policy.CallerEnded, p.Why == policy.NotRepeatable:
		return false
	case p.Why == policy.NeverRetried && p.Class == codes.Spent:
		c.recall(p.after, policy.OtherConnection)
		return c.state.Decide(c.r.budget, p.failure, u).Move
	}
	return p.Why != policy.NeverRetried
}

// drops reports whether a failure with plan p drops stop s alone. Not every such failure proves
// that nothing ran.
func (c *call) drops(s *stop, p plan) bool {
	f := &s.past.failure
	switch {
	case s.out: // the first message cannot go there
		return true
	case p.Retry, p.Class != codes.Request && p.Class != codes.Auth:
		return false
	case c.state.Repeatable, f.Reach == codes.Unsent:
		return true
	}
	return !c.state.NotRepeatable && !f.MayHaveRun && f.Reach == codes.Answered && f.Code != grpccodes.DataLoss
}

// planAfter decides after the last failure at stop i, if the call could go on to stop next;
// negative for no such stop.
func (c *call) planAfter(rt *route, i, next int, now time.Time, u float64) plan {
	s := &rt.stops[i]
	p := plan{after: s.past, failure: s.past.failure, next: next, charged: -1}
	if p.failure.Delay > 0 {
		p.failure.Delay = max(p.failure.Delay-now.Sub(s.past.at), 1)
	}
	if next >= 0 {
		p.elsewhere = rt.elsewhere(i, next)
	}
	c.recall(p.after, p.elsewhere)
	p.Decision = c.decideAt(rt, i, now, p.failure, u)
	switch p.wait = p.Wait; {
	case !p.Move && !p.Retry:
		p.next = -1
	case !p.Move:
		p.next, p.charged = i, i
		if p.atGate = s.past.atGate; p.atGate {
			p.wait = max(s.past.opens-now.Sub(s.past.at), 0)
		}
	}
	return p
}

// decideAt decides after the last failure at stop i. The wait of a place that has rested
// meanwhile counts from its failure: otherwise failures elsewhere would keep the call from its
// own place for ever. That holds for a quota alone: a server in trouble may be that of the
// other places.
func (c *call) decideAt(rt *route, i int, now time.Time, f codes.Failure, u float64) policy.Decision {
	if f.Class != codes.Quota {
		return c.state.Decide(c.r.budget, f, u)
	}
	shared := c.state.State
	var rested time.Duration
	if i != rt.at && f.Delay <= 0 && !f.Pushback.Set {
		rested = now.Sub(rt.stops[i].past.at)
		c.state.Elapsed -= rested
		c.state.Remaining += rested
	}
	d := c.state.Decide(c.r.budget, f, u)
	c.state.State = shared
	d.Wait = max(d.Wait-rested, 0)
	return d
}

// planFor decides on an attempt at stop next, where the call was not let in so far. A quota
// that refuses everybody stands for the failure.
func (c *call) planFor(after past, next int, u float64) plan {
	p := plan{after: after, failure: after.failure, elsewhere: policy.SameConnection, next: next, charged: -1, atGate: after.atGate, wait: after.opens}
	c.recall(p.after, p.elsewhere)
	p.Decision = c.state.Decide(c.r.budget, p.failure, u)
	if c.state.Deadline && p.wait >= c.state.Remaining {
		p.Decision = policy.Decision{Why: policy.DeadlineTooNear, Class: p.Class}
	}
	return p
}

// skipped is what stands for the failure at a stop that was skipped, because its gate opens
// only after so long: nothing was sent there.
func skipped(opens time.Duration) past {
	return past{
		failure: codes.Failure{Class: codes.Quota, Code: grpccodes.ResourceExhausted, Reach: codes.Unsent}, atGate: opens > 0, opens: opens,
	}
}

// soonest decides on the stop that is free first: of those where the table allows another
// attempt, and of the closed ones without an attempt. Otherwise it decides against a retry.
func (c *call) soonest(rt *route, rest rest, p plan, now time.Time, u float64) plan {
	best, at := p, rt.stops[rt.at].past.at
	best.Retry = false
	for i := range rt.stops {
		s := &rt.stops[i]
		if !s.tried || s.out || rt.stopped(i) {
			continue
		}
		there := c.planAfter(rt, i, -1, now, u)
		s.past.ready, s.past.done = now.Add(there.Wait), !there.Retry
		var better bool
		switch {
		case there.Retry && best.Retry: // of two alike, the one that has rested longer
			better = there.wait < best.wait || (there.wait == best.wait && s.past.at.Before(at))
		case !there.Retry && !best.Retry: // what passes first says most about later calls
			better = there.passes() < best.passes()
		default:
			better = there.Retry
		}
		if better {
			best, at = there, s.past.at
		}
	}
	next := rest.closed
	if rest.open == 0 { // without targets the call would have waited there, for no token
		next = 0
	}
	if next >= 0 && !rt.stopped(next) && (!best.Retry || rest.left < best.wait) {
		if there := c.planFor(skipped(rest.left), next, u); there.Retry {
			there.after.failure, there.after.err = p.after.failure, p.after.err
			best = there
		}
	}
	return best
}

// stopped reports whether the server of stop i has just said that it wants no retry of the
// call.
func (rt *route) stopped(i int) bool {
	p := &rt.stops[rt.at].past.failure.Pushback
	return i != rt.at && p.Set && (p.Stop || p.Delay < 0) && rt.elsewhere(rt.at, i) == policy.SameConnection
}

// passes returns when a call is worthwhile again, as far as known.
func (p *plan) passes() time.Duration {
	switch {
	case p.failure.Delay > 0:
		return p.failure.Delay
	case p.Class == codes.Quota:
		return policy.DefaultMaxServerDelay
	}
	return math.MaxInt64
}

// pastAt returns what the call knows after the failed attempt.
func (c *call) pastAt(now time.Time) past {
	return past{
		failure: c.failure, err: c.err, at: now, ownTimeout: c.state.OwnTimeout, ownQuota: c.state.OwnQuota, canRefresh: c.state.CanRefresh,
		atGate: c.state.AtGate, opens: c.opens, due: c.due,
	}
}

// recall makes the state of the call that after a failed attempt.
func (c *call) recall(p past, elsewhere policy.Elsewhere) {
	c.state.OwnTimeout, c.state.OwnQuota, c.state.CanRefresh = p.ownTimeout, p.ownQuota, p.canRefresh
	c.state.AtGate, c.opens, c.due = p.atGate, p.opens, p.due
	c.state.Elsewhere = elsewhere
	c.state.Retries[codes.Quota], c.state.Exponents[codes.Quota] = p.quota.retries, p.quota.exponents
}

// waitsAnywhere reports whether a call that waits for a quota by the table waits for the
// gates of the other stops too, and makes it choose anew.
func (rt *route) waitsAnywhere(d *policy.Decision) bool {
	if rt == nil || d.Move || d.Class != codes.Quota || rt.next < 0 || rt.stops[rt.next].past.atGate {
		return false
	}
	rt.next = -1
	return true
}

// recharge charges the row of the stop where the attempt goes, if that is another than
// decided because a stop has opened or closed meanwhile. A stop without an attempt has no row
// to charge.
//
//go:noinline
func (c *call) recharge() {
	rt := c.route
	if rt == nil || rt.charged == rt.at {
		return
	}
	if s := &rt.stops[rt.at]; s.tried {
		rt.charged, c.decision.Move = rt.at, false
		c.state.Retries[codes.Quota], c.state.Exponents[codes.Quota] = s.past.quota.retries, s.past.quota.exponents
		return
	}
	if rt.charged >= 0 {
		rt.charged, c.decision.Move = -1, true
	}
}

// charge notes at the stop charged with the retry that it has begun.
func (rt *route) charge(s *policy.State) {
	if rt != nil && rt.charged >= 0 {
		rt.stops[rt.charged].past.quota = quotaRow{s.Retries[codes.Quota], s.Exponents[codes.Quota]}
	}
}

// rest is the stops without an attempt.
type rest struct {
	open   int           // the first with a turn within the patience; -1 for none
	closed int           // of the others the one that opens first; -1 for none
	left   time.Duration // of the closed one, or of the call's own place if open
}

// lookAround finds out about the stops without an attempt.
func (c *call) lookAround(rt *route) rest {
	here := rt.at
	found := rest{open: -1, closed: -1}
	for i := range rt.stops {
		if rt.stops[i].tried || !c.stand(i) {
			continue
		}
		key := c.gateKey()
		left := max(c.r.gates.SpentFor(key), c.r.gates.Turn(key))
		if left <= c.knobs.patience {
			if found.open = i; i == 0 {
				found.left = left
			}
			break
		}
		if found.closed < 0 || left < found.left {
			found.closed, found.left = i, left
		}
	}
	c.move(here)
	return found
}

// last returns the stop of the last failure that counts, or -1.
func (rt *route) last() int {
	last := -1
	for i, s := range rt.stops {
		if s.tried && !s.out && (last < 0 || s.past.at.After(rt.stops[last].past.at)) {
			last = i
		}
	}
	return last
}

// conclude makes the failure that stands that of the call, once the last attempt has been
// noted.
func (c *call) conclude() {
	if rt := c.route; rt != nil && rt.stands != nil {
		c.failure, c.err = rt.stands.failure, rt.stands.err
	}
}
