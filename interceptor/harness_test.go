package interceptor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"github.com/reinvoke/reinvoke/interceptor"
)

// The methods of the test service that grpc-go ships for interoperability.
const (
	unaryMethod  = "/grpc.testing.TestService/UnaryCall"
	streamMethod = "/grpc.testing.TestService/StreamingOutputCall"
)

// server is a real grpc server whose answers a test writes: unary and stream
// are called for each attempt, with its number counted from 1.
type server struct {
	testpb.UnimplementedTestServiceServer
	unary  func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error)
	stream func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error

	mu    sync.Mutex
	at    []time.Time   // when each attempt arrived
	md    []metadata.MD // and with which metadata
	calls int
}

func (s *server) arrived(ctx context.Context) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	s.at, s.md = append(s.at, time.Now()), append(s.md, md)
	s.calls++
	return s.calls
}

// attempts returns how many attempts have arrived.
func (s *server) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// gaps returns the times between the attempts.
func (s *server) gaps() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gaps []time.Duration
	for i := 1; i < len(s.at); i++ {
		gaps = append(gaps, s.at[i].Sub(s.at[i-1]))
	}
	return gaps
}

func (s *server) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return s.unary(ctx, s.arrived(ctx), in)
}

func (s *server) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	return s.stream(s.arrived(out.Context()), in, out)
}

// FullDuplexCall echoes what it is sent.
func (s *server) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	s.arrived(stream.Context())
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: in.GetPayload()}); err != nil {
			return err
		}
	}
}

// serve starts s on an in-memory listener and returns a connection to it.
func serve(tb testing.TB, s testpb.TestServiceServer, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, s)
	return connectTo(tb, srv, opts...)
}

// connectTo starts the server on an in-memory listener and returns a
// connection to it. What is left open when the test ends makes a bubble fail.
func connectTo(tb testing.TB, srv *grpc.Server, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	return connectToAs(tb, "passthrough:///bufconn", srv, opts...)
}

// connectToAs is connectTo for a target of that name.
func connectToAs(tb testing.TB, target string, srv *grpc.Server, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	listener := bufconn.Listen(1 << 20)
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			dialing.Lock()
			defer dialing.Unlock()
			return listener.DialContext(ctx)
		}),
	}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}

// dialing has one connection dial at a time: bufconn makes timers of zero length, and
// two goroutines of one bubble that do so at once crash the race detector of Go 1.26.
var dialing sync.Mutex

// bubble runs f in a synctest bubble, with a connection that has a Retrier of
// these options and dice that always show zero.
func bubble(t *testing.T, s *server, f func(t *testing.T, client testpb.TestServiceClient), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts := append([]interceptor.Option{interceptor.WithRand(func() float64 { return 0 })}, opts...)
		f(t, testpb.NewTestServiceClient(serve(t, s, interceptor.DialOptions(opts...)...)))
	})
}
