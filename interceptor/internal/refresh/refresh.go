// Package refresh fetches fresh credentials for the calls of a connection. Of a call it
// knows the context, and with which credentials it began.
package refresh

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
)

// Once refreshes credentials: once for all calls that began with the same ones, and
// never twice at a time. It is safe for concurrent use.
type Once struct {
	option     string
	f          func(ctx context.Context) error
	generation atomic.Uint64 // how often they were refreshed

	mu      sync.Mutex
	current *refreshing // nil while none is under way
}

// New returns a Once with a function of the caller's that an option has set.
func New(option string, f func(ctx context.Context) error) *Once {
	return &Once{option: option, f: f}
}

// refreshing is a refresh under way.
type refreshing struct {
	done    chan struct{} // the caller's function has returned
	err     error         // once done is closed
	waiting int           // calls
	left    bool          // no call has waited any longer: it was told to end
	cancel  context.CancelFunc
}

// running marks the context of a refresh.
type running struct{ *Once }

// Runs reports whether ctx is that of a refresh: a call that it makes with these
// credentials would wait for itself.
func (r *Once) Runs(ctx context.Context) bool { return ctx.Value(running{r}) != nil }

// Generation returns the number of the credentials that are now in use; 0 for a nil
// Once.
func (r *Once) Generation() uint64 {
	if r == nil {
		return 0
	}
	return r.generation.Load()
}

// Do refreshes the credentials of an attempt that began with this generation,
// unless that has happened since, or waits for whoever is at it. It returns the error of
// the caller's function, a *hook.Error, or a *hook.AbandonedError. The context of the
// function has the values of ctx, and ends when no call waits any longer.
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

// join returns the refresh to wait for; nil if none is needed. It is late if it was
// told to end: once it has, another one is to be begun.
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

// leave says that a call waits no longer. The last one ends the refresh.
func (r *Once) leave(current *refreshing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current.waiting--
	if current.waiting == 0 {
		current.left = true
		current.cancel()
	}
}

// run calls the caller's function and tells those who wait.
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
