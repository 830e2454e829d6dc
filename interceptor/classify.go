package interceptor

import (
	"io"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy"
)

// classify determines what happened and how much time is left. The steps of a failure
// are separate functions, so that their frames are not on the stack together: most
// calls then wait on a stack that never grew.
//
//go:noinline
func (c *call) classify(err error, ev *codes.Evidence) {
	c.err = err
	now := c.r.clock.Now()
	c.resolve()
	c.judge()
	deadline, _ := c.ctx.Deadline()
	c.state.Failed(now, deadline)
	c.takeOver(err)
	c.state.CanRefresh = c.canRefresh()
	ev.Caller, ev.Deadline, ev.Remaining = c.ctx.Err(), c.state.Deadline, c.state.Remaining
	age := now.Sub(c.r.made)
	ev.Starting = age >= 0 && age < starting
	if err == io.EOF && c.kind != function { //nolint:errorlint // grpc returns io.EOF itself
		err = &vanished{}
		c.err = err
	}
	switch err := err.(type) { //nolint:errorlint // ours, and never wrapped
	case *vanished:
		c.failure = codes.Failure{Class: codes.Network, Code: grpccodes.Unavailable, Reach: codes.Lost, Rule: "no-response"}
	case *rejected:
		c.failure, c.err = c.rejection(err, *ev), err.error
	case *hook.AbandonedError:
		c.abandoned, c.err = true, err.Err
		c.failure = codes.Classify(err.Err, *ev, c.ownRules()...)
	case *hook.Error:
		c.failure = codes.Failure{Class: codes.Request, Code: grpccodes.Internal, Reach: codes.Answered, Rule: "hook"}
	default:
		c.failure = codes.Classify(err, *ev, c.ownRules()...)
	}
	c.state.OwnQuota = c.refusedItself()
	c.r.warnOfLayers(c)
	c.giveBack(c.failure, c.err)
}

// starting is how long a program counts as just started, from the making of its
// Retrier. Judgement: GKE's metadata server knows a new pod after some seconds.
const starting = time.Minute

// refusedItself reports whether the called service says that its own quota was the
// reason to refuse.
func (c *call) refusedItself() bool {
	if c.failure.Service == "" {
		return false
	}
	return policy.IsCalled(c.failure.Service, c.method, c.to())
}
