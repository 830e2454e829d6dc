package grpctest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// Outage is an in-memory server to stop and start again. The server is down at first.
type Outage struct {
	Service *Server

	mu       sync.Mutex
	listener *Listener // nil while the server is down
	srv      *grpc.Server
}

// Start starts the server.
func (o *Outage) Start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listener, o.srv = Listen(), grpc.NewServer()
	testpb.RegisterTestServiceServer(o.srv, o.Service)
	go func(srv *grpc.Server, l net.Listener) { _ = srv.Serve(l) }(o.srv, o.listener)
}

// Listen directs later dials to a new listener, for another server, and returns the listener.
func (o *Outage) Listen() *Listener {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listener = Listen()
	return o.listener
}

// Stop ends the server and its connections.
func (o *Outage) Stop() {
	o.mu.Lock()
	srv := o.srv
	o.listener, o.srv = nil, nil
	o.mu.Unlock()
	if srv != nil {
		srv.Stop()
	}
}

func (o *Outage) dial(ctx context.Context, _ string) (net.Conn, error) {
	o.mu.Lock()
	l := o.listener
	o.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	return l.DialContext(ctx)
}

// Connect returns a connection to the server. While the server is down, the connection
// dials again every 50 ms.
func (o *Outage) Connect(tb testing.TB, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///outage", append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(o.dial),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1, MaxDelay: 50 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
	}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		o.Stop()
	})
	return conn
}
