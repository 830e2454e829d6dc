// Package grpctest has real gRPC servers over an in-memory network, with answers written
// by a test, and recorders of calls as seen by the client and its interceptors. The package
// knows grpc alone, and nothing of Reinvoke. Everything works in a testing/synctest bubble,
// and is linked into tests only.
package grpctest

import (
	"context"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/test/bufconn"
)

// Listener is an in-memory network with a single address.
type Listener struct{ *bufconn.Listener }

// Listen returns a new listener, without connections.
func Listen() *Listener { return &Listener{bufconn.Listen(1 << 20)} }

// dialing admits a single dial at a time: bufconn makes timers of zero length, and two
// goroutines of a bubble making such timers at once crash the race detector of Go 1.26.
var dialing sync.Mutex

// DialContext returns a new connection to the listener.
func (l *Listener) DialContext(ctx context.Context) (net.Conn, error) {
	dialing.Lock()
	defer dialing.Unlock()
	return l.Listener.DialContext(ctx)
}

// Start serves in memory until the server is stopped. The returned dial options connect
// any passthrough target to the server.
func Start(srv *grpc.Server) []grpc.DialOption {
	l := Listen()
	go func() { _ = srv.Serve(l) }()
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
	}
}

// Serve is Connect for a server of the test service s.
func Serve(tb testing.TB, s testpb.TestServiceServer, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, s)
	return Connect(tb, srv, opts...)
}

// Connect starts the server and returns a connection to the server. Both end with the
// test: anything left open by then fails a test in a bubble.
func Connect(tb testing.TB, srv *grpc.Server, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	return ConnectAs(tb, "passthrough:///bufconn", srv, opts...)
}

// ConnectAs is Connect with a target of the caller's choice.
func ConnectAs(tb testing.TB, target string, srv *grpc.Server, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient(target, append(Start(srv), opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}
