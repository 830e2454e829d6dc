package interceptor_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

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
	srv := grpc.NewServer(append(server, grpc.UnknownServiceHandler(handler))...)
	return connectTo(tb, srv, dial...)
}

// failingOnce returns an interceptor that fails the first attempt when it
// receives, and leaves it alive below.
func failingOnce(err error) grpc.StreamClientInterceptor {
	first := true
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, openErr := streamer(ctx, desc, cc, method, opts...)
		if openErr != nil || !first {
			return stream, openErr
		}
		first = false
		return &faulty{stream, err}, nil
	}
}

// faulty is a stream that fails when it receives.
type faulty struct {
	grpc.ClientStream
	err error
}

func (s *faulty) RecvMsg(any) error { return s.err }
