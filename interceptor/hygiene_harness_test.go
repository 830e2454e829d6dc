package interceptor_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// unaryHandler answers the attempts of a server, numbered from 1.
type unaryHandler = func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error)

// overloaded returns the status of a server that has too much to do: class
// Server, 2 s, 4 s and 8 s by the default table.
func overloaded() error {
	return status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
}

// refuseFirst fails the first attempts with err, and answers the others.
func refuseFirst(attempts int, err error) unaryHandler {
	return func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= attempts {
			return nil, err
		}
		return &testpb.SimpleResponse{Username: "u"}, nil
	}
}

// refuseAlways fails every attempt with err.
func refuseAlways(err error) unaryHandler {
	return func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) { return nil, err }
}

// noSpread is dice that always show zero: every wait is the least one.
func noSpread() float64 { return 0 }

// atOnce retries every class that can be retried so often, without waits.
func atOnce(retries int) policy.Table {
	var t policy.Table
	for c := range codes.Class(codes.NumClasses) {
		if c != codes.None && c != codes.Ended {
			t[c] = policy.Policy{Retries: retries}
		}
	}
	return t
}

// retrying returns the dial options of a new Retrier without spread.
func retrying(opts ...interceptor.Option) []grpc.DialOption {
	return interceptor.DialOptions(append([]interceptor.Option{interceptor.WithRand(noSpread)}, opts...)...)
}

// callUnary makes a unary call over conn.
func callUnary(ctx context.Context, conn grpc.ClientConnInterface, opts ...grpc.CallOption) (*testpb.SimpleResponse, error) {
	return testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{}, opts...)
}

// took returns how long f took.
func took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// goroutinesHere returns how many goroutines the bubble of the caller has.
func goroutinesHere(t *testing.T) int {
	t.Helper()
	own := make([]byte, 1<<10)
	first, _, _ := strings.Cut(string(own[:runtime.Stack(own, false)]), "\n")
	_, bubble, ok := strings.Cut(strings.TrimSuffix(first, "]:"), "synctest bubble ")
	if !ok {
		t.Fatalf("not in a bubble: %s", first)
	}
	all := make([]byte, 1<<20)
	return strings.Count(string(all[:runtime.Stack(all, true)]), "synctest bubble "+bubble+"]:\n")
}

// mustPanic returns the text that f panics with.
func mustPanic(t *testing.T, f func()) (text string) {
	t.Helper()
	defer func() {
		t.Helper()
		switch v := recover().(type) {
		case nil:
			t.Error("no panic")
		case error:
			text = v.Error()
		default:
			t.Errorf("panic with %T %v, want an error", v, v)
		}
	}()
	f()
	return ""
}

// watcher is an Observer that keeps what it is told.
type watcher struct {
	mu     sync.Mutex
	events []interceptor.Event
}

func (w *watcher) observe(_ context.Context, e interceptor.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// last returns the last event.
func (w *watcher) last() interceptor.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return interceptor.Event{}
	}
	return w.events[len(w.events)-1]
}

// whys returns what was decided after each attempt.
func (w *watcher) whys() []policy.Why {
	w.mu.Lock()
	defer w.mu.Unlock()
	var whys []policy.Why
	for _, e := range w.events {
		if e.Outcome == interceptor.Pending {
			whys = append(whys, e.Decision.Why)
		}
	}
	return whys
}

// outage is an in-memory server that can be stopped and started again.
type outage struct {
	service *server

	mu       sync.Mutex
	listener *bufconn.Listener // nil while it is down
	srv      *grpc.Server
	dials    int
}

func (o *outage) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listener, o.srv = bufconn.Listen(1<<20), grpc.NewServer()
	testpb.RegisterTestServiceServer(o.srv, o.service)
	go func(srv *grpc.Server, l net.Listener) { _ = srv.Serve(l) }(o.srv, o.listener)
}

func (o *outage) stop() {
	o.mu.Lock()
	srv := o.srv
	o.listener, o.srv = nil, nil
	o.mu.Unlock()
	if srv != nil {
		srv.Stop()
	}
}

func (o *outage) dial(ctx context.Context, _ string) (net.Conn, error) {
	o.mu.Lock()
	l := o.listener
	o.dials++
	o.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	return l.DialContext(ctx)
}

// connect returns a connection to the server, which dials again every 50 ms
// as long as it is down.
func (o *outage) connect(tb testing.TB, opts ...grpc.DialOption) *grpc.ClientConn {
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
		o.stop()
	})
	return conn
}

// jsonCodec is a codec that is not proto, and that adds to what is there.
type jsonCodec struct{}

func (jsonCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (jsonCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
func (jsonCodec) Name() string                       { return "json" }

// serveMethod serves one method, which is free to send a message before its
// status, and returns a connection and the method's name.
func serveMethod(tb testing.TB, handler func(n int, stream grpc.ServerStream) error, opts ...grpc.DialOption) (conn *grpc.ClientConn, method string) {
	tb.Helper()
	var n int
	srv := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}))
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Odd",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Call", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error {
				n++
				return handler(n, stream)
			},
		}},
	}, nil)
	return connectTo(tb, srv, opts...), "/test.Odd/Call"
}

// rawCodec sends bytes as they are: a server that speaks any codec.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) {
	data, ok := v.([]byte)
	if !ok {
		return nil, errors.New("rawCodec: want []byte")
	}
	return data, nil
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return errors.New("rawCodec: want *[]byte")
	}
	*to = append([]byte(nil), data...)
	return nil
}

func (rawCodec) Name() string { return "raw" }
