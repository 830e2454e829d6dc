package interceptor

import (
	"errors"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Breaker is a circuit breaker: Allow returns an error if a request is not to be
// made, and else a function to be told how it ended, nil for well. The
// TwoStepCircuitBreaker of github.com/sony/gobreaker/v2 is one. It must be safe for
// concurrent use.
type Breaker interface {
	Allow() (done func(err error), err error)
}

// WithBreaker asks b before every attempt, those of hedging and of a fallback included.
// Every attempt that b allows is told of once, however it ends: a stream whose context
// ends while nobody reads it as well, one that is neither read nor cancelled after
// [policy.GateConfig.ProbeMax], an attempt that panics as one that ended well. While it is open calls fail at once with
// UNAVAILABLE, or, if they have been tried, with the last error of the server; they
// are not retried. It is told of failures of the classes Server, Network and
// Timeout: all other answers are those of a server that works.
//
// A gate (see [WithGate]) lets calls wait where a breaker lets them fail: most
// callers want the gate.
func WithBreaker(b Breaker) Option {
	return connectionOption(func(c *connection) {
		if b == nil {
			c.fault(errors.New("interceptor: WithBreaker: nil: want a Breaker"))
		}
		c.r.breaker = b
	})
}

// allowed asks the breaker for an attempt. If it refuses, the attempt holds nothing.
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

// askBreaker asks the breaker for an attempt. It returns the final error if there
// is none.
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
