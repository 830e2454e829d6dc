package grpctest

import (
	"context"
	"net"
	"sync"
)

// Pipes is an in-memory network with a single address, for HTTP servers. These set and lift
// deadlines of reading all the time, and a deadline of bufconn may strike after it was
// lifted; those of net.Pipe do not.
type Pipes struct {
	dialed chan net.Conn
	closed chan struct{}
	close  sync.Once
}

// ListenPipes returns a new listener, without connections.
func ListenPipes() *Pipes { return &Pipes{dialed: make(chan net.Conn), closed: make(chan struct{})} }

// Accept implements net.Listener.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialed:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipes) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

// DialContext returns a new connection to the listener.
func (p *Pipes) DialContext(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.dialed <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
