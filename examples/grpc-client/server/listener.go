package server

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc/peer"
)

// cuttableListener remembers connections, in order to cut a connection in the
// middle of a call.
type cuttableListener struct {
	net.Listener

	mu    sync.Mutex
	conns map[string]net.Conn // by the address of the peer
}

// cuttable wraps a listener.
func cuttable(l net.Listener) *cuttableListener {
	return &cuttableListener{Listener: l, conns: map[string]net.Conn{}}
}

// Accept remembers the connection.
func (l *cuttableListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[conn.RemoteAddr().String()] = conn
	return conn, nil
}

// cut resets the connection of a call. To the client the reset looks like an
// overloaded proxy or a pulled cable.
func (l *cuttableListener) cut(ctx context.Context) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return
	}
	l.mu.Lock()
	conn := l.conns[p.Addr.String()]
	delete(l.conns, p.Addr.String())
	l.mu.Unlock()
	if conn == nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset instead of an orderly end
	}
	_ = conn.Close()
}
