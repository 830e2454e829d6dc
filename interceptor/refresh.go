package interceptor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
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
		c.r.refresh = &refresher{f: f}
	})
}

// refresher refreshes the credentials of a connection.
type refresher struct {
	f func(ctx context.Context) error
	// generation is how often they were refreshed. An attempt that began with
	// an earlier one needs no further refresh.
	generation atomic.Uint64

	mu      sync.Mutex
	current *refreshing // nil while none is under way
}

// refreshing is a refresh under way.
type refreshing struct {
	done    chan struct{} // the caller's function has returned
	err     error         // once done is closed
	waiting int           // calls
	left    bool          // no call has waited any longer: it was told to end
	cancel  context.CancelFunc
}

// refreshes marks the context of a refresh: a call that it makes with these
// credentials would wait for itself.
type refreshes struct{ *refresher }

// now returns the generation of the credentials, 0 for a nil refresher.
func (r *refresher) now() uint64 {
	if r == nil {
		return 0
	}
	return r.generation.Load()
}

// refresh refreshes the credentials of an attempt that began with this
// generation, unless that has happened since, or waits for whoever is at it. It
// returns the error of the caller's function, a *hook.Error, or *hook.AbandonedError.
func (r *refresher) refresh(ctx context.Context, began uint64) error {
	for {
		current, late := r.join(ctx, began)
		if current == nil {
			return nil
		}
		select {
		case <-current.done:
		case <-ctx.Done():
			r.leave(current)
			return &hook.AbandonedError{Err: ctx.Err()}
		}
		if !late {
			return current.err
		}
	}
}

// join returns the refresh to wait for; nil if none is needed. It is late if it was
// told to end: once it has, another one is to be begun.
func (r *refresher) join(ctx context.Context, began uint64) (current *refreshing, late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation.Load() != began {
		return nil, false
	}
	if r.current == nil {
		ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), refreshes{r}, true))
		r.current = &refreshing{done: make(chan struct{}), cancel: cancel}
		go r.run(ctx, r.current)
	}
	r.current.waiting++
	return r.current, r.current.left
}

// leave says that a call waits no longer. The last one ends the refresh.
func (r *refresher) leave(current *refreshing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current.waiting--
	if current.waiting == 0 {
		current.left = true
		current.cancel()
	}
}

// run calls the caller's function and tells those who wait.
func (r *refresher) run(ctx context.Context, current *refreshing) {
	var err error
	hook.Guard(refreshName, func() { err = r.f(ctx) }, func(broken error) {
		if broken != nil {
			err = broken
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		current.cancel()
		current.err, r.current = err, nil
		if err == nil {
			r.generation.Add(1)
		}
		close(current.done)
	})
}

const refreshName = "WithRefresh"

// renew refreshes the credentials if that is what the retry is for. If that
// fails, it gives the token back and returns the call's final error.
func (c *call) renew() error {
	if c.decision.Class != codes.Expired || !c.canRefresh() {
		return nil
	}
	c.refreshed = true
	err := c.r.refresh.refresh(c.ctx, c.generation)
	if err == nil {
		return nil
	}
	switch err.(type) { //nolint:errorlint // of hook.Run, untouched
	case *hook.Error, *hook.AbandonedError:
		return c.hookFailed(err)
	}
	return c.end(ending{why: policy.RefreshFailed, hook: fmt.Errorf("interceptor.WithRefresh: %w", err)})
}

// canRefresh reports whether a refresh may still be tried for the call.
func (c *call) canRefresh() bool {
	return c.r.refresh != nil && !c.refreshed && c.ctx.Value(refreshes{c.r.refresh}) == nil
}
