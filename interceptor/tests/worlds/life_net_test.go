package worlds_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// lifeNet is the network between client and server.
type lifeNet struct {
	net.Listener
	to      func(context.Context) (net.Conn, error)
	srv     *grpc.Server
	began   time.Time
	refused []lifeWindow

	mu    sync.Mutex
	conns []net.Conn
}

// newLifeNet returns a network that is in memory or has a loopback address.
func newLifeNet(tcp bool) *lifeNet {
	if !tcp {
		l := grpctest.Listen()
		return &lifeNet{Listener: l, to: l.DialContext}
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return &lifeNet{Listener: l, to: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}}
}

// dial refuses in the windows of the world.
func (n *lifeNet) dial(ctx context.Context, _ string) (net.Conn, error) {
	now := time.Since(n.began)
	for _, w := range n.refused {
		if now >= w.From && now < w.To {
			return nil, fmt.Errorf("refused until %v", w.To)
		}
	}
	conn, err := n.to(ctx)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.conns = append(n.conns, conn)
	}
	return conn, err
}

// cut cuts all connections.
func (n *lifeNet) cut() {
	n.mu.Lock()
	conns := n.conns
	n.conns = nil
	n.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}
