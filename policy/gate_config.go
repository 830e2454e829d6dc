package policy

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// GateConfig says when the calls of a channel wait together, instead of each call meeting the
// server's refusal on its own: see package gate. The zero value has no gate. Figures of zero
// mean their defaults.
type GateConfig struct {
	// Hints closes the gate after a quota refusal with a delay, named by the server or known
	// from the quota, unless the refusal may be chance.
	Hints bool
	// Probes also closes the gate after a quota refusal without a delay, and when the server is
	// in trouble: failing with [codes.Server], [codes.Network] or [codes.Timeout]. Then one
	// call at a time goes through as a probe.
	Probes bool

	// MaxWait is the longest wait at the gate of a call without a deadline; then the call goes
	// through. Default 60 s. Judgement: the longest window of per-minute quotas.
	MaxWait time.Duration
	// Spread and MinSpread bound the random delay added to a hint: a number in [0, 1) times the
	// larger of Spread times the hint and MinSpread. Defaults 0.25 and 250 ms, as in [Decide].
	Spread    float64
	MinSpread time.Duration
	// Again is the extra spread after a hint was waited out and the call refused again: a
	// number in [0, 1) times Again, doubled per further refusal, at most ProbeMax. Where calls
	// come fast, the extra spread is also at most 2 hints, then 8 and so on. Default 15 s, the
	// backoff of the Quota row of [Default] before the second retry.
	Again time.Duration

	// ProbeBase, ProbeMultiplier and ProbeMax set the backoff of probes: the wait before probe
	// n is a number in [0.5, 1) times min(ProbeBase * ProbeMultiplier^n, ProbeMax). Defaults
	// 500 ms, 2, 30 s.
	ProbeBase       time.Duration
	ProbeMultiplier float64
	ProbeMax        time.Duration
	// ProbeShare limits the backoff of probes further: to one probe per ProbeShare calls coming
	// to the gate. Default 20. Judgement: a twentieth of the usual load does not keep a server
	// down, and while many calls wait, every second counts.
	ProbeShare float64

	// Headroom is the pace of calls leaving the gate, as a multiple of the measured rate of
	// accepted calls: 1 or more, default 1.1. Capacity not asked for is lost for good; a call
	// too many is refused at once.
	Headroom float64
	// Growth is the number of times the pace doubles per cycle, after one cycle without a
	// refusal: default 4. A cycle is the time between the last two reopenings.
	Growth float64

	// Margin is the least time a call must have left when its turn comes, as a multiple of the
	// usual latency: default 3, since 95 % of exponential latencies are shorter. Half of the
	// time between arrival and deadline is enough if that is less. The turn of a call with less
	// time left goes to a call that can use the turn.
	Margin float64

	// Failures is the number of consecutive failed calls that means trouble: default 3.
	Failures int
	// Healthy is the number of calls of the channel that must have succeeded in the minute
	// before, for consecutive failures to mean trouble: default 5. A channel with fewer
	// successes can learn nothing from its own calls; its budget bounds its retries.
	Healthy int
	// Recovery is the pace of calls after trouble, as a multiple of the arrival rate from one
	// minute before the trouble until the gate reopens: 1 or more, default 1.2.
	Recovery float64
	// Regrowth is Growth after trouble: default 0.5. Excess calls to a server in trouble are
	// not only refused but also hurt the server.
	Regrowth float64
	// Slow is the multiple of the usual latency at which the server is as busy as desired: the
	// pace then stops growing. Default 2.
	Slow float64
	// InFlight bounds the calls under way after trouble: a multiple of their pace times their
	// usual latency. Default 2.
	InFlight float64
}

// DefaultGate returns the default gate, closing only if the server has said when to come back.
func DefaultGate() GateConfig { return GateConfig{Hints: true} }

// FleetGate returns the gate for long-running fleets, with Hints and Probes.
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

// Validate returns an error naming each invalid field and the expected range, or nil. Several
// errors are joined.
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
