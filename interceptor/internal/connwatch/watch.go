// Package connwatch tells waiting calls about the end of their connection: a call on
// a closed connection has nothing to wait for.
package connwatch

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// Watch reports closed connections. A connection with waiting calls has a goroutine;
// other connections have none. The zero value is ready to use. A Watch is safe for
// concurrent use.
type Watch struct {
	mu    sync.Mutex
	conns map[*grpc.ClientConn]*watched
}

// watched is a connection with waiting calls.
type watched struct {
	closed  chan struct{}
	waiting int
	cancel  context.CancelFunc
}

// Begin returns a channel and closes the channel when the connection closes. The
// caller must call [Watch.End] after waiting. For a nil connection, Begin returns
// nil.
func (w *Watch) Begin(cc *grpc.ClientConn) <-chan struct{} {
	if cc == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.conns[cc]
	if c == nil {
		ctx, cancel := context.WithCancel(context.Background())
		c = &watched{closed: make(chan struct{}), cancel: cancel}
		if w.conns == nil {
			w.conns = map[*grpc.ClientConn]*watched{}
		}
		w.conns[cc] = c
		go c.follow(ctx, cc)
	}
	c.waiting++
	return c.closed
}

// End ends the wait begun by a call of [Watch.Begin].
func (w *Watch) End(cc *grpc.ClientConn) {
	if cc == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.conns[cc]
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		delete(w.conns, cc)
	}
}

// follow closes c.closed when the connection closes, unless ctx ends first.
func (c *watched) follow(ctx context.Context, cc *grpc.ClientConn) {
	for state := cc.GetState(); state != connectivity.Shutdown; state = cc.GetState() {
		if !cc.WaitForStateChange(ctx, state) {
			return
		}
	}
	close(c.closed)
}
