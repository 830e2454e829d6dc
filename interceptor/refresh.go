package interceptor

import (
	"context"
	"errors"
	"fmt"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/interceptor/internal/refresh"
	"github.com/reinvoke/reinvoke/policy"
)

// WithRefresh has f fetch fresh credentials when the server refuses those of a call
// with UNAUTHENTICATED, whatever the reason. The call is then tried once more. f is for
// credentials cached by a token source or by an interceptor further right in the chain.
// Without f, a call with an expired access token (ACCESS_TOKEN_EXPIRED) is also tried
// once more, because grpc asks per-RPC credentials again for every attempt.
//
// A call refreshes at most once. If several calls of the Retrier fail together, f runs
// once for all calls that began with the same credentials, and never twice at a time.
// The context of f has the values of the first of these calls, and ends when no call
// waits any longer; a call that comes after that waits until f has returned. Calls made
// by f over the same connection with this context are not refreshed in turn, because
// such a call would wait for itself.
//
// An error of f ends the waiting calls with the server's UNAUTHENTICATED. A panic of f
// ends the waiting calls with INTERNAL. If f blocks, each call ends at its own
// deadline.
func WithRefresh(f func(ctx context.Context) error) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithRefresh: nil: want a function"))
			return
		}
		c.r.refresh = refresh.New("WithRefresh", f)
	})
}

// renew refreshes the credentials if the retry needs that. On failure renew gives the
// token back and returns the final error of the call.
func (c *call) renew() error {
	if c.decision.Class != codes.Expired || !c.canRefresh() {
		return nil
	}
	c.refreshed = true
	err := c.r.refresh.Do(c.ctx, c.generation)
	if err == nil {
		return nil
	}
	switch err.(type) { //nolint:errorlint // of the leaf, untouched
	case *hook.Error, *hook.AbandonedError:
		return c.hookFailed(err)
	}
	return c.end(ending{why: policy.RefreshFailed, hook: fmt.Errorf("interceptor.WithRefresh: %w", err)})
}

// canRefresh reports whether the call may still refresh its credentials.
func (c *call) canRefresh() bool {
	return c.r.refresh != nil && !c.refreshed && !c.r.refresh.Runs(c.ctx)
}
