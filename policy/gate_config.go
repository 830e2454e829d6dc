package policy

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// GateConfig says when the calls of a channel wait together instead of each
// finding out by itself that the server refuses them: see package gate. The
// zero value has no gate. Figures of zero have their defaults.
type GateConfig struct {
	// Hints closes the gate after a refusal by a quota that says, or of which
	// it is known, when to come back, unless the refusal may be chance.
	Hints bool
	// Probes closes it also after a refusal that does not say so, and in the
	// server's trouble: [codes.Server], [codes.Network] and [codes.Timeout]. One
	// call at a time is then let through to find out.
	Probes bool

	// MaxWait is the longest that a call without a deadline waits at the gate;
	// then it goes through. Default 60 s. Judgement: the longest of the windows
	// that quotas by the minute have.
	MaxWait time.Duration
	// Spread is added to a hint, times a number in [0, 1): this part of it, and
	// MinSpread at least. Defaults 0.25 and 250 ms, as in [Decide].
	Spread    float64
	MinSpread time.Duration
	// Again is added to them after a hint that was waited out and refused again,
	// times a number in [0, 1): twice as much with every further refusal, up to
	// ProbeMax; where calls come fast, no more than 2 hints, then 8 and so on. Default
	// 15 s, the backoff of the Quota row of [Default] before the second retry.
	Again time.Duration

	// ProbeBase, ProbeMultiplier and ProbeMax are the backoff of probes: the
	// wait before probe n is a number in [0.5, 1) times min(ProbeBase *
	// ProbeMultiplier^n, ProbeMax). Defaults 500 ms, 2, 30 s.
	ProbeBase       time.Duration
	ProbeMultiplier float64
	ProbeMax        time.Duration
	// ProbeShare bounds the backoff of probes further: there is one for so many
	// calls that come to the gate. Default 20. Judgement: a twentieth of its usual load
	// does not keep a server down, and where many calls wait each second counts.
	ProbeShare float64

	// Headroom is how much faster calls leave the gate than the server was
	// seen to accept them: 1 or more, default 1.1. What is lost by asking for
	// too little is lost for good; what is too much is refused at once.
	Headroom float64
	// Growth is how often their pace doubles in the time that the last cycle took,
	// from one reopening to the next, once so much time has passed without a
	// refusal: default 4.
	Growth float64

	// Margin is how many times the usual latency a call must have left when its
	// turn comes, unless that is more than half of the time it had: default 3,
	// within which 95 % of the calls end where latencies are exponential. The
	// turn of a call that has less goes to one that can use it.
	Margin float64

	// Failures is how many calls must have failed in a row for the server to be
	// in trouble: default 3.
	Failures int
	// Healthy is how many calls of the channel must have succeeded in the minute
	// before for that to mean anything: default 5. A channel with fewer can learn
	// nothing from its own calls, and its budget bounds what it does.
	Healthy int
	// Recovery is how much faster calls leave after trouble than they came in
	// in the last minute before it, and since: 1 or more, default 1.2.
	Recovery float64
	// Regrowth is Growth after trouble: default 0.5. A server in trouble is not only
	// refused by, but hurt by what is too much.
	Regrowth float64
	// Slow is how many times the usual latency means that the server is as busy as
	// it should be: the pace then stops growing. Default 2.
	Slow float64
	// InFlight bounds the calls under way after trouble to so many times what
	// their pace and their usual latency make: default 2.
	InFlight float64
}

// DefaultGate returns the gate that is used where no other is given: it closes
// only where the server has said when to come back.
func DefaultGate() GateConfig { return GateConfig{Hints: true} }

// FleetGate returns the gate for long-running fleets: both halves.
func FleetGate() GateConfig { return GateConfig{Hints: true, Probes: true} }

// Effective returns the figures in force, with every field set.
func (c GateConfig) Effective() GateConfig {
	orDuration(&c.MaxWait, 60*time.Second)
	orFloat(&c.Spread, 0.25)
	orDuration(&c.MinSpread, hintSpread)
	orDuration(&c.Again, 15*time.Second)
	orDuration(&c.ProbeBase, 500*time.Millisecond)
	orFloat(&c.ProbeMultiplier, 2)
	orDuration(&c.ProbeMax, 30*time.Second)
	orFloat(&c.ProbeShare, 20)
	orFloat(&c.Headroom, 1.1)
	orFloat(&c.Growth, 4)
	orFloat(&c.Margin, 3)
	if c.Failures == 0 {
		c.Failures = 3
	}
	if c.Healthy == 0 {
		c.Healthy = 5
	}
	orFloat(&c.Recovery, 1.2)
	orFloat(&c.Regrowth, 0.5)
	orFloat(&c.Slow, 2)
	orFloat(&c.InFlight, 2)
	return c
}

func orDuration(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

func orFloat(f *float64, def float64) {
	if *f == 0 {
		*f = def
	}
}

// Validate returns an error that names the field and what was expected, or
// nil. Several faults give an error each, joined.
func (c GateConfig) Validate() error {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("policy: gate: "+format, args...))
	}
	duration := func(name string, d time.Duration) {
		if d < 0 {
			fault("%s %v: want > 0s, or 0s for the default", name, d)
		}
	}
	factor := func(name string, f, least float64) {
		if math.IsNaN(f) || math.IsInf(f, 0) || (f != 0 && f < least) {
			fault("%s %v: want >= %v, or 0 for the default", name, f, least)
		}
	}
	duration("max wait", c.MaxWait)
	factor("spread", c.Spread, 0)
	duration("min spread", c.MinSpread)
	duration("again", c.Again)
	duration("probe base", c.ProbeBase)
	factor("probe multiplier", c.ProbeMultiplier, 1)
	duration("probe max", c.ProbeMax)
	if e := c.Effective(); e.ProbeMax < e.ProbeBase && c.ProbeMax >= 0 {
		fault("probe max %v: want >= probe base %v", e.ProbeMax, e.ProbeBase)
	}
	factor("probe share", c.ProbeShare, 1)
	factor("headroom", c.Headroom, 1)
	factor("growth", c.Growth, 0)
	factor("margin", c.Margin, 0)
	if c.Failures < 0 {
		fault("failures %d: want >= 1, or 0 for the default", c.Failures)
	}
	if c.Healthy < 0 {
		fault("healthy %d: want >= 1, or 0 for the default", c.Healthy)
	}
	factor("recovery", c.Recovery, 1)
	factor("regrowth", c.Regrowth, 0)
	factor("slow", c.Slow, 1)
	factor("in flight", c.InFlight, 0)
	return errors.Join(errs...)
}
