package interceptor

import (
	"context"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/policy"
)

// sleep waits before a retry, unless the retry is to wait at a gate, and returns the time
// waited. An error means that the caller's context has ended or the connection was closed.
func (c *call) sleep(wait time.Duration) (time.Duration, error) {
	if c.state.AtGate {
		return 0, c.ctx.Err()
	}
	if c.cc != nil && c.cc.GetState() == connectivity.Shutdown {
		return 0, errClosed()
	}
	closed := c.r.conns.Begin(c.cc)
	gone, err := clock.SleepUnless(c.ctx, c.r.clock, wait, closed)
	c.r.conns.End(c.cc)
	switch {
	case err != nil:
		return wait, err
	case gone:
		return wait, errClosed()
	case !c.needsConnection():
		return wait, nil
	}
	more, err := c.awaitReady(wait)
	return wait + more, err
}

// errClosed returns grpc's error for a call on a closed connection. While a connection is
// closing, an attempt may still reach the server, but would tell nothing new.
func errClosed() error {
	return status.Error(grpccodes.Canceled, "grpc: the client connection is closing")
}

// lastMoment is the part of the caller's time that awaitReady leaves to the attempt, so
// that the attempt still tells why the connection is down. Judgement: an attempt that
// fails fast needs a fraction of lastMoment.
const lastMoment = 20 * time.Millisecond

// redial is the longest pause before grpc dials a second time: the 1 s, +-20 %, of grpc's
// default backoff (grpc's doc/connection-backoff.md). Until then a connection that is down
// stays down.
const redial = 1200 * time.Millisecond

// needsConnection reports whether the last attempt may have failed because there was no
// connection, and the next uses the same one.
func (c *call) needsConnection() bool {
	moves := c.decision.Move && c.state.Elsewhere == policy.OtherConnection
	return c.cc != nil && c.failure.Reach != codes.Answered && !moves
}

// awaitReady waits until the connection is ready. An attempt on a connection known to be
// down fails at once with the old error, and a backoff of milliseconds would waste all
// attempts that way. The wait lasts at most the longer of backoff and [redial], never
// passes the limit on elapsed time, and ends [lastMoment] before the caller's deadline.
// WaitForReady would turn an UNAVAILABLE into a DEADLINE_EXCEEDED.
//
// awaitReady returns the time waited, and an error only if the caller's context ends or
// the connection is closed.
func (c *call) awaitReady(backoff time.Duration) (time.Duration, error) {
	state := c.cc.GetState()
	if state == connectivity.Ready {
		return 0, nil
	}
	began := c.r.clock.Now()
	limits := c.state.Limits.Effective(c.state.Table)
	bound := min(max(backoff, redial), limits.MaxElapsed-c.state.ElapsedAt(began))
	if deadline, ok := c.ctx.Deadline(); ok {
		bound = min(bound, deadline.Sub(began)-lastMoment)
	}
	if bound <= 0 {
		return 0, nil
	}
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	stop := c.r.clock.AfterFunc(bound, cancel)
	defer stop()
	for state != connectivity.Ready && state != connectivity.Shutdown {
		if state == connectivity.Idle {
			c.cc.Connect()
		}
		if !c.cc.WaitForStateChange(ctx, state) {
			break
		}
		state = c.cc.GetState()
	}
	took := c.r.clock.Now().Sub(began)
	if err := c.ctx.Err(); err != nil || state != connectivity.Shutdown {
		return took, err
	}
	return took, errClosed()
}
