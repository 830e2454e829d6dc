package interceptor

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// watched is a connection of which calls wait at a gate: they are let go when it
// closes.
type watched struct {
	closed  chan struct{}
	waiting int
	cancel  context.CancelFunc
}

// watch returns what is closed when the connection closes, for a call that is about to
// wait; unwatch is to be called when it has. There is one goroutine for a connection,
// and none while no call of it waits.
func (g *gates) watch(cc *grpc.ClientConn) <-chan struct{} {
	if cc == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.conns[cc]
	if w == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w = &watched{closed: make(chan struct{}), cancel: cancel}
		if g.conns == nil {
			g.conns = map[*grpc.ClientConn]*watched{}
		}
		g.conns[cc] = w
		go w.follow(ctx, cc)
	}
	w.waiting++
	return w.closed
}

// unwatch ends the watch of a call that waits no longer.
func (g *gates) unwatch(cc *grpc.ClientConn) {
	if cc == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.conns[cc]
	if w.waiting--; w.waiting == 0 {
		w.cancel()
		delete(g.conns, cc)
	}
}

// follow waits until the connection is closed, or ctx ends.
func (w *watched) follow(ctx context.Context, cc *grpc.ClientConn) {
	for state := cc.GetState(); state != connectivity.Shutdown; state = cc.GetState() {
		if !cc.WaitForStateChange(ctx, state) {
			return
		}
	}
	close(w.closed)
}
