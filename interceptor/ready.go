package interceptor

import (
	"context"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/internal/clock"
)

// sleep waits before a retry, unless it waits at a gate, and returns for how
// long. Its error says that the caller's context has ended, or that the connection
// was closed.
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

// errClosed returns what grpc says of a call on a connection that was closed. While
// the connection is being closed an attempt may still reach the server: it would tell
// nothing new.
func errClosed() error {
	return status.Error(grpccodes.Canceled, "grpc: the client connection is closing")
}

// lastMoment is what awaitReady leaves of the caller's time, so that an
// attempt still tells why the connection is down. Judgement: an attempt that
// fails fast needs a fraction of it.
const lastMoment = 20 * time.Millisecond

// redial is the longest pause before grpc dials a second time: 1 s, +-20 %, of
// its default backoff (grpc's doc/connection-backoff.md). Until then a connection
// that is down stays down.
const redial = 1200 * time.Millisecond

// needsConnection reports whether the last attempt may have failed for want of a
// connection.
func (c *call) needsConnection() bool { return c.cc != nil && c.failure.Reach != codes.Answered }

// awaitReady waits until the connection is ready: for as long as the backoff
// before it was, or [redial] if that is longer, but never past the limit on elapsed
// time, and not quite to the caller's deadline. An attempt on a connection that is
// known to be down fails at once with the old error: it would be wasted, and a
// backoff of milliseconds would waste them all. It is not WaitForReady, which
// turns an UNAVAILABLE into a DEADLINE_EXCEEDED. It returns how long it waited,
// and an error only if the caller's context ends or the connection is closed.
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
