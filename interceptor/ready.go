package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc/connectivity"
)

// awaitReady waits until the connection is ready, for at most as long as the
// backoff before it was and never past the limit on elapsed time. An attempt
// on a connection that is known to be down fails at once with the old error:
// it would be wasted. It is not WaitForReady, which turns an UNAVAILABLE into
// a DEADLINE_EXCEEDED. It returns an error only if the caller's context ends.
func (c *call) awaitReady(backoff time.Duration) error {
	state := c.cc.GetState()
	if state == connectivity.Ready || state == connectivity.Shutdown {
		return nil
	}
	limits := c.state.Limits.Effective(c.state.Table)
	bound := min(backoff, limits.MaxElapsed-c.r.clock.Now().Sub(c.firstEnded))
	if bound <= 0 {
		return nil
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
	return c.ctx.Err()
}
