package interceptor

import (
	"errors"
	"runtime"
	"weak"

	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/policy"
)

// WithGate sets when the calls of the connection wait together, instead of the gate in the
// [policy.Config]. The default, policy.DefaultGate, closes only where the server has said
// when to come back. policy.FleetGate also closes when the server is in trouble, and
// probes. Package policy/gate explains how a gate is kept from being worse than no gate.
//
// A call waits until its turn, its deadline or the end of its context, and without a
// deadline for GateConfig.MaxWait. A call whose turn cannot come in time ends at once and
// unsent, with RESOURCE_EXHAUSTED and the time left to wait: see [RetryAfter]. A Retrier
// keeps one gate per target and [GateKey], 1,024 at most.
func WithGate(c policy.GateConfig) Option {
	return connectionOption(func(conn *connection) {
		conn.fault(c.Validate())
		conn.r.gating.figures, conn.r.gating.off = &c, false
	})
}

// WithoutGate lets every call find out by itself whether the server accepts calls again.
// [WithGateDryRun] does the same, and reports what the gate would have done.
func WithoutGate() Option {
	return connectionOption(func(c *connection) { c.r.gating.off = true })
}

// WithGateKey makes f name the quota of a call, instead of [GateKey]: for example by the
// tenant whose API key the call carries.
func WithGateKey(f GateKeyFunc) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithGateKey: nil: want a function"))
		}
		c.r.gating.key = f
	})
}

// WithGateObserver calls f when a gate closes, probes and reopens. f gets one event at a
// time, on the goroutine of some call or of a timer, and must not block. A panic of f is
// logged, and ends no call. Several observers are called in the order given.
func WithGateObserver(f func(GateEvent)) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithGateObserver: nil: want a function"))
			return
		}
		if before := c.r.gateObserver; before != nil {
			c.r.gateObserver = func(e GateEvent) {
				before(e)
				f(e)
			}
			return
		}
		c.r.gateObserver = f
	})
}

// WithGateDryRun makes the gates hold no call and report instead. Every call goes at once;
// a shade takes the place of the call at the gate, so the gate closes, scouts and reopens
// as usual.
//
// An attempt is reported if the gate would have held the attempt for a second or more, or
// turned the attempt away: in the log, at Info after a success and at Debug after a
// failure, and in [GateCounts]. After [WithoutGate] nothing is reported.
//
// A shade gets the answer of its own call. A refusal holds for the time in its hint, or in
// a later hint to another call. From then on a success of another call counts; without such
// a success the answer is unknown.
//
// The report has three limits. A caller with one call after the other would have been held
// once, but every call is counted. During an outage (policy.FleetGate) the figures are
// rough, since the server still has the whole load. A key has at most 10,000 shades, of
// about 1 kB each, and calls beyond are not reported.
func WithGateDryRun() Option {
	return connectionOption(func(c *connection) { c.r.gating.dry = true })
}

// gating holds the options about gates.
type gating struct {
	off     bool
	dry     bool
	figures *policy.GateConfig // nil for the figures of the Config
	key     GateKeyFunc        // nil for the default

	quotas    []policy.Quota // the limits of [WithQuotas]
	quotasSet bool           // WithQuotas was given
	cost      CostFunc       // nil for the default
	usage     UsageFunc      // nil for none
}

// beginGates sets up the gates, and subscribes the gates to the configuration.
func (r *Retrier) beginGates() {
	c := gates.Config{Clock: r.clock, Rand: r.rand, Figures: r.gateFigures, Quotas: r.quotas, Off: r.gating.off, Dry: r.gating.dry, Samples: r.evidence}
	logged := len(r.logs.to) > 0
	if logged {
		c.Held, c.Lowered = r.logHeld, r.quotaLowered
	}
	if logged || r.gateObserver != nil {
		c.Changed = r.gateChanged
	}
	r.gates.Begin(c)
	if !r.follows || r.gating.off || (r.gating.figures != nil && r.gating.quotasSet) {
		return
	}
	stop := r.live.OnStore(follower{weak.Make(r)}.follow)
	runtime.AddCleanup(r, func(stop func()) { stop() }, stop)
}

// gateFigures returns the figures in force.
func (r *Retrier) gateFigures() *policy.GateConfig {
	if r.gating.figures != nil {
		return r.gating.figures
	}
	return &r.live.Load().Gate
}

// follower follows the configuration for a Retrier. The pointer is weak because a Live may
// outlive the Retrier.
type follower struct{ of weak.Pointer[Retrier] }

func (f follower) follow() {
	if r := f.of.Value(); r != nil {
		r.gates.Configure()
	}
}
