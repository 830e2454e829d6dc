package reinvoke_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/test/bufconn"

	"github.com/reinvoke/reinvoke/interceptor"
)

// claimed is a server for the claims of the pages. answer ends each attempt, counted
// from 1; a nil error is an answer.
type claimed struct {
	testpb.UnimplementedTestServiceServer
	answer func(ctx context.Context, n int) error

	mu sync.Mutex
	at []time.Time // when each attempt arrived
}

// UnaryCall implements testpb.TestServiceServer.
func (s *claimed) UnaryCall(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return &testpb.SimpleResponse{}, s.answer(ctx, s.arrived())
}

func (s *claimed) arrived() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	return len(s.at)
}

// gaps returns the times between the attempts.
func (s *claimed) gaps() (gaps []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.at); i++ {
		gaps = append(gaps, s.at[i].Sub(s.at[i-1]))
	}
	return gaps
}

// failing returns a server whose first attempts fail with err.
func failing(attempts int, err error) *claimed {
	return &claimed{answer: func(_ context.Context, n int) error {
		if n <= attempts {
			return err
		}
		return nil
	}}
}

// dialClaimed starts a server in memory, and connects to the server.
func dialClaimed(t *testing.T, s testpb.TestServiceServer, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	listener, srv := bufconn.Listen(1<<20), grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, s)
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory", append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}

// ours returns dial options with the shortest waits.
func ours(opts ...interceptor.Option) []grpc.DialOption {
	return interceptor.DialOptions(append(opts, interceptor.WithRand(func() float64 { return 0 }))...)
}

// check makes a unary call.
func check(ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) error {
	_, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{}, opts...)
	return err
}
