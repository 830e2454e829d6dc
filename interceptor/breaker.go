package interceptor

import (
	"errors"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Breaker is a circuit breaker. Allow returns an error if no request may be made, or else a
// function to be called with the outcome of the request, nil for success. The
// TwoStepCircuitBreaker of github.com/sony/gobreaker/v2 is a Breaker. A Breaker must be
// safe for concurrent use.
type Breaker interface {
	Allow() (done func(err error), err error)
}

// WithBreaker asks b before every attempt, including attempts of hedging and of a fallback.
//
// The breaker is told the outcome of every allowed attempt once, however the attempt ends.
// This includes a stream whose context ends while nobody reads the stream, and, after
// [policy.GateConfig.ProbeMax], a stream neither read nor cancelled. An attempt that panics
// counts as a success. Failures are those of the classes Server, Network and Timeout; all
// other answers count as successes, because the server works.
//
// While b is open, calls fail at once with UNAVAILABLE or, if tried before, with the
// server's last error, and are not retried. A gate (see [WithGate]) lets calls wait where a
// breaker lets calls fail: most callers want the gate.
func WithBreaker(b Breaker) Option {
	return connectionOption(func(c *connection) {
		if b == nil {
			c.fault(errors.New("interceptor: WithBreaker: nil: want a Breaker"))
		}
		c.r.breaker = b
	})
}

// allowed asks the breaker for an attempt. If the breaker refuses, the attempt holds
// nothing.
func (c *call) allowed() error {
	if c.r.breaker == nil {
		return nil
	}
	done, err := c.r.breaker.Allow()
	if err != nil {
		c.place.lapse() // the turn at the gate was not used
		c.place = nil
		return err
	}
	c.hold().breaker = done
	return nil
}

// askBreaker asks the breaker for an attempt. It returns the final error if the breaker
// refuses.
func (c *call) askBreaker() error {
	err := c.allowed()
	if err == nil {
		return nil
	}
	if len(c.history) == 0 {
		c.barred = true
		c.err = status.Error(grpccodes.Unavailable, "the circuit breaker is open")
		c.failure = codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Unsent, Rule: "breaker"}
	}
	return c.end(ending{why: policy.BreakerOpen, hook: err, unwaited: true})
}
