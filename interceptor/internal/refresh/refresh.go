// Package refresh fetches fresh credentials for the calls of a connection. Of a call,
// the package knows the context and the generation of the credentials in the last
// attempt.
package refresh

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
)

// Once refreshes credentials: once for all calls that began with the same
// credentials, and never twice at a time. Once is safe for concurrent use.
type Once struct {
	option     string
	f          func(ctx context.Context) error
	generation atomic.Uint64 // the number of successful refreshes

	mu      sync.Mutex
	current *refreshing // nil without a refresh under way
}

// New returns a Once for f, a caller's function set by the named option.
func New(option string, f func(ctx context.Context) error) *Once {
	return &Once{option: option, f: f}
}

// refreshing is a refresh under way.
type refreshing struct {
	done    chan struct{} // the caller's function has returned
	err     error         // valid once done is closed
	waiting int           // the number of waiting calls
	left    bool          // all calls stopped waiting, so that the refresh was told to end
	cancel  context.CancelFunc
}

// running is the context key of a refresh.
type running struct{ *Once }

// Runs reports whether ctx is the context of a refresh by r: a call made by the
// refresh would wait for the refresh itself.
func (r *Once) Runs(ctx context.Context) bool { return ctx.Value(running{r}) != nil }

// Generation returns the number of the credentials now in use; 0 for a nil Once.
func (r *Once) Generation() uint64 {
	if r == nil {
		return 0
	}
	return r.generation.Load()
}

// Do refreshes the credentials of an attempt that began with this generation. If a
// refresh is under way, Do waits for its end; if a refresh has succeeded since, Do
// returns nil. The error is that of the caller's function, a *hook.Error, or a
// *hook.AbandonedError. The context of the function has the values of ctx, and ends
// when no call waits any more.
func (r *Once) Do(ctx context.Context, began uint64) error {
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

// join returns the refresh to wait for, or nil if none is needed. late reports a
// refresh that was told to end: after its end, the call needs another refresh.
func (r *Once) join(ctx context.Context, began uint64) (current *refreshing, late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation.Load() != began {
		return nil, false
	}
	if r.current == nil {
		ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), running{r}, true))
		r.current = &refreshing{done: make(chan struct{}), cancel: cancel}
		go r.run(ctx, r.current)
	}
	r.current.waiting++
	return r.current, r.current.left
}

// leave ends a call's wait. The last call to leave ends the refresh.
func (r *Once) leave(current *refreshing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current.waiting--
	if current.waiting == 0 {
		current.left = true
		current.cancel()
	}
}

// run calls the caller's function and tells the waiting calls.
func (r *Once) run(ctx context.Context, current *refreshing) {
	var err error
	hook.Guard(r.option, func() { err = r.f(ctx) }, func(broken error) {
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
