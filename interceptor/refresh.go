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

// WithRefresh has f fetch fresh credentials when the server refuses those of a
// call: with UNAUTHENTICATED, whatever its reason. Then the call is tried once
// more. f is for credentials that are cached, by a token source or by an
// interceptor further right in the chain; without f a call whose access token has
// expired (ACCESS_TOKEN_EXPIRED) is tried once more all the same, since grpc asks
// per-RPC credentials again for every attempt.
//
// A call refreshes at most once, and however many calls of the Retrier fail
// together, f runs once for all that began with the same credentials, and never
// twice at a time. Its context has the values of the call that was first, and
// ends when no call waits for it any longer; until f has returned, calls that come
// then wait. Calls that f makes over the same connection with this context are not
// refreshed in turn: they would wait for themselves. An error of f ends the calls that
// wait for it with the server's UNAUTHENTICATED; if it panics they end with
// INTERNAL; if it blocks, each at its own deadline.
func WithRefresh(f func(ctx context.Context) error) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithRefresh: nil: want a function"))
			return
		}
		c.r.refresh = refresh.New("WithRefresh", f)
	})
}

// renew refreshes the credentials if that is what the retry is for. If that
// fails, it gives the token back and returns the call's final error.
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

// canRefresh reports whether a refresh may still be tried for the call.
func (c *call) canRefresh() bool {
	return c.r.refresh != nil && !c.refreshed && !c.r.refresh.Runs(c.ctx)
}
