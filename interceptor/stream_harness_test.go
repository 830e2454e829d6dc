package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/reinvoke/reinvoke/interceptor"
)

// serverStreamDesc describes a server stream to grpc where no generated
// client stands between.
var serverStreamDesc = &grpc.StreamDesc{StreamName: "StreamingOutputCall", ServerStreams: true}

// errOverloaded is a failure that the default table retries after 2 s, 4 s
// and 8 s, and then no more.
var errOverloaded = status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")

// The waits after errOverloaded, with dice that show zero.
var overloadedWaits = []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}

// errUnreachable is a failure that no server was there to send: the default
// table retries it after 1 s, 2 s and so on, five times.
var errUnreachable = status.Error(grpccodes.Unavailable, "last connection error: gone")

// The waits after errUnreachable, with dice that show zero.
var unreachableWaits = []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

// handler is what a test server does with an attempt of a server stream.
type handler = func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error

// failFirst returns a handler whose first attempts fail with the errors, one
// each, and whose later ones send the bodies and succeed.
func failFirst(errs []error, bodies ...string) handler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= len(errs) {
			return errs[n-1]
		}
		return sendAll(out, bodies...)
	}
}

func sendAll(out testpb.TestService_StreamingOutputCallServer, bodies ...string) error {
	for _, body := range bodies {
		if err := out.Send(chunk(body)); err != nil {
			return err
		}
	}
	return nil
}

// chunk is one message of a stream.
func chunk(body string) *testpb.StreamingOutputCallResponse {
	return &testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte(body)}}
}

// ask is the request of a stream.
func ask(body string) *testpb.StreamingOutputCallRequest {
	return &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte(body)}}
}

// setup is the client's side of a bubble.
type setup struct {
	options []interceptor.Option
	// right are interceptors that stand right of the Retrier: they see every
	// attempt.
	right []grpc.StreamClientInterceptor
	dial  []grpc.DialOption
}

// run is bubble for tests that need more of the connection.
func (u setup) run(t *testing.T, s *server, f func(t *testing.T, conn *grpc.ClientConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, u.connect(t, s)) })
}

// connect serves s and connects to it.
func (u setup) connect(tb testing.TB, s *server) *grpc.ClientConn {
	tb.Helper()
	opts := append([]interceptor.Option{interceptor.WithRand(func() float64 { return 0 })}, u.options...)
	dial := interceptor.DialOptions(opts...)
	for _, right := range u.right {
		dial = append(dial, grpc.WithChainStreamInterceptor(right))
	}
	return serve(tb, s, append(dial, u.dial...)...)
}

// open opens a stream and sends its request.
func open(tb testing.TB, ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) grpc.ClientStream { //nolint:revive // t comes first
	tb.Helper()
	stream, err := conn.NewStream(ctx, serverStreamDesc, streamMethod, opts...)
	if err != nil {
		tb.Fatalf("NewStream: %v", err)
	}
	if err := stream.SendMsg(ask("as sent")); err != nil {
		tb.Fatalf("SendMsg: %v", err)
	}
	if err := stream.CloseSend(); err != nil {
		tb.Fatalf("CloseSend: %v", err)
	}
	return stream
}

// receive returns the body of the next message.
func receive(stream grpc.ClientStream) (string, error) {
	var m testpb.StreamingOutputCallResponse
	err := stream.RecvMsg(&m)
	return string(m.GetPayload().GetBody()), err
}

// drain reads the stream to its end: what it delivered, and its error, nil
// for io.EOF.
func drain(stream grpc.ClientStream) (bodies []string, err error) {
	for {
		body, err := receive(stream)
		if errors.Is(err, io.EOF) {
			return bodies, nil
		}
		if err != nil {
			return bodies, err
		}
		bodies = append(bodies, body)
	}
}

// wantBody fails the test unless the next message is this one.
func wantBody(t *testing.T, stream grpc.ClientStream, want string) {
	t.Helper()
	if got, err := receive(stream); err != nil || got != want {
		t.Fatalf("RecvMsg: got %q, %v, want %q", got, err, want)
	}
}

// wantEOF fails the test unless the stream has ended well.
func wantEOF(t *testing.T, stream grpc.ClientStream) {
	t.Helper()
	if got, err := receive(stream); err != io.EOF { //nolint:errorlint // generated code compares too
		t.Fatalf("RecvMsg: got %q, %v, want EOF", got, err)
	}
}

// wantStatus fails the test unless err has this status.
func wantStatus(t *testing.T, err error, code grpccodes.Code, message string) {
	t.Helper()
	st := status.Convert(err)
	if e, ok := errors.AsType[*interceptor.Error](err); ok {
		st = e.GRPCStatus()
	}
	if err == nil || st.Code() != code || st.Message() != message {
		t.Fatalf("got error %v, want %v %q", err, code, message)
	}
}

// attempt is what an interceptor on the right sees of an attempt.
type attempt struct {
	ctx    context.Context
	opts   []grpc.CallOption
	stream grpc.ClientStream
	err    error // of the streamer
}

// attempts watches the attempts of a connection from the right.
type attempts struct {
	mu   sync.Mutex
	seen []*attempt
}

// intercept is the interceptor.
func (a *attempts) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, cc, method, opts...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, &attempt{ctx, opts, stream, err})
	return stream, err
}

// all returns the attempts so far.
func (a *attempts) all() []*attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*attempt(nil), a.seen...)
}

// refuse returns an interceptor whose first attempts fail with these errors,
// before anything is sent; nil lets the attempt pass.
func refuse(errs ...error) grpc.StreamClientInterceptor {
	var mu sync.Mutex
	n := 0
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		mu.Lock()
		var err error
		if n < len(errs) {
			err = errs[n]
		}
		n++
		mu.Unlock()
		if err != nil {
			return nil, err
		}
		return streamer(ctx, desc, cc, method, opts...)
	}
}

// ledger is a stats.Handler that counts the attempts of a client which have
// begun and ended.
type ledger struct {
	mu           sync.Mutex
	begun, ended int
}

func (l *ledger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (l *ledger) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (l *ledger) HandleConn(context.Context, stats.ConnStats)                       {}

func (l *ledger) HandleRPC(_ context.Context, s stats.RPCStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.(type) {
	case *stats.Begin:
		l.begun++
	case *stats.End:
		l.ended++
	}
}

// counts returns how many attempts have begun and ended.
func (l *ledger) counts() (begun, ended int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun, l.ended
}

// finishes records the calls of an OnFinish option.
type finishes struct {
	mu   sync.Mutex
	errs []error
}

func (f *finishes) option() grpc.CallOption {
	return grpc.OnFinish(func(err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
	})
}

// all returns the errors of the calls so far.
func (f *finishes) all() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]error(nil), f.errs...)
}

// tape records what each attempt is asked to send, from the right.
type tape struct {
	mu  sync.Mutex
	ops [][]string // of each attempt
}

func (t *tape) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, cc, method, opts...)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ops = append(t.ops, nil)
	return &taped{ClientStream: stream, t: t, n: len(t.ops) - 1}, nil
}

func (t *tape) note(n int, op string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ops[n] = append(t.ops[n], op)
}

// all returns what was recorded.
func (t *tape) all() [][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([][]string(nil), t.ops...)
}

type taped struct {
	grpc.ClientStream
	t *tape
	n int
}

func (s *taped) SendMsg(m any) error {
	body := "?"
	if m, ok := m.(*testpb.StreamingOutputCallRequest); ok {
		body = string(m.GetPayload().GetBody())
	}
	s.t.note(s.n, "send "+body)
	return s.ClientStream.SendMsg(m)
}

func (s *taped) CloseSend() error {
	s.t.note(s.n, "close")
	return s.ClientStream.CloseSend()
}

// serveRaw is serve for a server that handles whatever it is called, without
// generated code between.
func serveRaw(tb testing.TB, handle func(n int, stream grpc.ServerStream) error, dial []grpc.DialOption, server ...grpc.ServerOption) *grpc.ClientConn {
	tb.Helper()
	var mu sync.Mutex
	n := 0
	handler := func(_ any, stream grpc.ServerStream) error {
		mu.Lock()
		n++
		attempt := n
		mu.Unlock()
		return handle(attempt, stream)
	}
	listener := bufconn.Listen(1 << 20)
	srv := grpc.NewServer(append(server, grpc.UnknownServiceHandler(handler))...)
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bufconn", append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	}, dial...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}

// lines is a logger that keeps what it is told.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) option() interceptor.Option {
	return interceptor.WithLogger(logging.LoggerFunc(func(_ context.Context, level logging.Level, msg string, _ ...any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, fmt.Sprintf("%s %s", slog.Level(level), msg))
	}))
}

// text returns all lines.
func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}
