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

// WithBreaker asks b before every attempt. While it is open calls fail at once with
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

// askBreaker asks the breaker for an attempt. It returns the final error if there
// is none.
func (c *call) askBreaker() error {
	done, err := c.r.breaker.Allow()
	if err == nil {
		c.doneBreaker = done
		return nil
	}
	c.answerGate(codes.Failure{Class: codes.Ended}, nil) // the place at the gate was not used
	if len(c.history) == 0 {
		c.barred = true
		c.err = status.Error(grpccodes.Unavailable, "the circuit breaker is open")
		c.failure = codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Unsent, Rule: "breaker"}
	}
	c.giveBack()
	c.decision = policy.Decision{Why: policy.BreakerOpen, Class: c.failure.Class}
	final := c.newError(nil)
	final.hook = err
	c.ended(final)
	return final
}

// tellBreaker tells the breaker how an attempt has ended.
func (c *call) tellBreaker(f codes.Failure, err error) {
	done := c.doneBreaker
	if done == nil {
		return
	}
	c.doneBreaker = nil
	switch f.Class {
	case codes.Server, codes.Network, codes.Timeout:
		done(err)
	default:
		done(nil)
	}
}
