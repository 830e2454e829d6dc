package interceptor

import (
	"errors"

	"github.com/reinvoke/reinvoke/policy"
)

// WithGate sets when the calls of the connection wait together, instead of what the
// [policy.Config] says: the default is policy.DefaultGate, which closes only where the
// server has said when to come back; policy.FleetGate closes in the server's trouble
// too, and probes. Package policy/gate says how a gate is kept from being worse than none.
//
// A call waits until its turn, its deadline or the end of its context, and without a
// deadline for GateConfig.MaxWait. One whose turn cannot come in time ends at once and
// unsent, with RESOURCE_EXHAUSTED and what is left to wait: see [RetryAfter]. The gates
// of a Retrier are those of its connections' targets and of [GateKey], 1,024 at most.
func WithGate(c policy.GateConfig) Option {
	return connectionOption(func(conn *connection) {
		conn.fault(c.Validate())
		conn.r.gates.set, conn.r.gates.off = &c, false
	})
}

// WithoutGate lets every call find out by itself whether the server takes calls
// again. [WithGateDryRun] does too, and tells what the gate would have done.
func WithoutGate() Option {
	return connectionOption(func(c *connection) { c.r.gates.off = true })
}

// WithGateKey has f name the quota that a call counts against, instead of
// [GateKey]: for example with the tenant whose API key the call carries.
func WithGateKey(f GateKeyFunc) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithGateKey: nil: want a function"))
		}
		c.r.gates.key = f
	})
}

// WithGateObserver has f told when a gate closes, probes and reopens. f is called
// one event at a time, on the goroutine of some call or of a timer; it must not
// block. A panic of f is logged, and ends no call. Several observers are told in the
// order given.
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
