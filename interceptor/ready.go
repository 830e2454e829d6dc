package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/reinvoke/reinvoke/codes"
)

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
// and an error only if the caller's context ends.
func (c *call) awaitReady(backoff time.Duration) (time.Duration, error) {
	state := c.cc.GetState()
	if state == connectivity.Ready || state == connectivity.Shutdown {
		return 0, nil
	}
	began := c.r.clock.Now()
	limits := c.state.Limits.Effective(c.state.Table)
	bound := min(max(backoff, redial), limits.MaxElapsed-began.Sub(c.firstEnded))
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
	return c.r.clock.Now().Sub(began), c.ctx.Err()
}
