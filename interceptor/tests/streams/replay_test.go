package streams_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

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

func TestStream_replaysTheRequestAsItWasWhenSent(t *testing.T) {
	var right tape
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded}, "one")}
	retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right.intercept}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		request := grpctest.Ask("as sent")
		stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(request); err != nil {
			t.Fatal(err)
		}
		request.Payload.Body = []byte("changed later")
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		grpctest.WantBody(t, stream, "one")
		want := [][]string{{"send as sent", "close"}, {"send as sent", "close"}, {"send as sent", "close"}}
		if diff := cmp.Diff(want, right.all()); diff != "" {
			t.Errorf("what the attempts were given (-want +got):\n%s", diff)
		}
	})
}

func TestStream_closeSendIsReplayedOnlyIfItWasCalled(t *testing.T) {
	var right tape
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")}
	retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right.intercept}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(grpctest.Ask("a")); err != nil {
			t.Fatal(err)
		}
		grpctest.WantBody(t, stream, "one")
		for range 3 {
			if err := stream.CloseSend(); err != nil {
				t.Errorf("CloseSend: %v", err)
			}
		}
		want := [][]string{{"send a"}, {"send a", "close", "close", "close"}}
		if diff := cmp.Diff(want, right.all()); diff != "" {
			t.Errorf("what the attempts were given (-want +got):\n%s", diff)
		}
	})
}

// TestStream_sendOnABrokenAttempt has a server that fails before it has read
// anything: what the client sends then goes nowhere.
func TestStream_sendOnABrokenAttempt(t *testing.T) {
	handle := func(n int, stream grpc.ServerStream) error {
		if n == 1 {
			return grpctest.ErrOverloaded
		}
		var in testpb.StreamingOutputCallRequest
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		if err := stream.RecvMsg(&in); err != io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			return status.Errorf(grpccodes.InvalidArgument, "after the request: %v, want EOF", err)
		}
		return stream.SendMsg(grpctest.Chunk("to " + string(in.GetPayload().GetBody())))
	}
	synctest.Test(t, func(t *testing.T) {
		dial := interceptor.DialOptions(interceptor.Repeatable(), interceptor.WithRand(func() float64 { return 0 }))
		stream, err := grpctest.ServeRaw(t, handle, dial).NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the attempt is broken
		if err := stream.SendMsg(grpctest.Ask("it")); err != nil {
			t.Errorf("SendMsg: %v, want nil: RecvMsg finds out", err)
		}
		for range 2 {
			if err := stream.CloseSend(); err != nil {
				t.Errorf("CloseSend: %v", err)
			}
		}
		began := time.Now()
		grpctest.WantBody(t, stream, "to it")
		if got := time.Since(began); got != grpctest.OverloadedWaits[0] {
			t.Errorf("waited %v, want %v", got, grpctest.OverloadedWaits[0])
		}
	})
}

// TestStream_sendRefusedByTheClient is a request that the client's own side
// refuses: there is nothing to retry.
func TestStream_sendRefusedByTheClient(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod, grpc.MaxCallSendMsgSize(10))
		if err != nil {
			t.Fatal(err)
		}
		err = stream.SendMsg(grpctest.Ask("more than ten bytes"))
		if status.Code(err) != grpccodes.ResourceExhausted || !retrytest.Untouched(err) {
			t.Fatalf("SendMsg: %v, want grpc's own RESOURCE_EXHAUSTED", err)
		}
		for range 3 {
			if _, again := grpctest.Receive(stream); again != err { //nolint:errorlint // the same one
				t.Errorf("RecvMsg: %v, want what SendMsg has returned", again)
			}
		}
		grpctest.WantAttempts(t, s, 0)
	})
}

// request returns a request of exactly so many bytes, encoded.
func request(t *testing.T, bytes int) *testpb.StreamingOutputCallRequest {
	t.Helper()
	m := grpctest.Ask("")
	for size := bytes; size > 0; size-- {
		m.Payload.Body = []byte(strings.Repeat("x", size))
		if proto.Size(m) <= bytes {
			break
		}
	}
	if got := proto.Size(m); got != bytes {
		t.Fatalf("made a request of %d bytes, want %d", got, bytes)
	}
	return m
}

func TestStream_replayBuffer(t *testing.T) { testReplayBuffer(t, 0) }

// testReplayBuffer tests the sizes of requests. NewStream fails so many times
// before.
func testReplayBuffer(t *testing.T, refused int) {
	t.Helper()
	buffer := interceptor.WithReplayBuffer
	call := func(n int) grpc.CallOption { return buffer(n) }
	for _, tt := range []struct {
		name    string
		options []interceptor.Option
		context []interceptor.CallOption
		call    []grpc.CallOption
		bytes   int
		retried bool
	}{
		{name: "256 KiB are kept by default", bytes: 256 << 10, retried: true},
		{name: "one byte more is sent but not kept", bytes: 256<<10 + 1},
		{name: "raised for the call", call: []grpc.CallOption{call(300 << 10)}, bytes: 300 << 10, retried: true},
		{name: "raised for the context", context: []interceptor.CallOption{buffer(300 << 10)}, bytes: 300 << 10, retried: true},
		{name: "raised for the method", options: []interceptor.Option{interceptor.WithMethod(grpctest.StreamMethod, buffer(300<<10))}, bytes: 300 << 10, retried: true},
		{name: "raised for the connection", options: []interceptor.Option{buffer(300 << 10)}, bytes: 300 << 10, retried: true},
		{name: "raised, but not enough", call: []grpc.CallOption{call(300 << 10)}, bytes: 300<<10 + 1},
		{name: "lowered for the call", call: []grpc.CallOption{call(100)}, bytes: 101},
		{name: "lowered for the call, and small enough", call: []grpc.CallOption{call(100)}, bytes: 100, retried: true},
		{name: "lowered for the context", context: []interceptor.CallOption{buffer(100)}, bytes: 101},
		{name: "lowered for the method", options: []interceptor.Option{interceptor.WithMethod(grpctest.StreamMethod, buffer(100))}, bytes: 101},
		{name: "lowered for the connection", options: []interceptor.Option{buffer(100)}, bytes: 101},
		{name: "the call's own word counts, up", options: []interceptor.Option{buffer(10)}, call: []grpc.CallOption{call(100)}, bytes: 100, retried: true},
		{name: "the call's own word counts, down", options: []interceptor.Option{buffer(1000)}, call: []grpc.CallOption{call(10)}, bytes: 100},
		{name: "none keeps nothing", call: []grpc.CallOption{call(0)}, bytes: 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log retrytest.Lines
			var sizes []int
			s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				sizes = append(sizes, proto.Size(in))
				return grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")(n, in, out)
			}}
			u := retrytest.Setup{Options: append(tt.options, interceptor.Repeatable(), log.Option())}
			if refused > 0 {
				u.Right = []grpc.StreamClientInterceptor{grpctest.Refuse(grpctest.ErrUnreachable)}
			}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream, err := conn.NewStream(interceptor.NewContext(t.Context(), tt.context...), grpctest.ServerStream, grpctest.StreamMethod, tt.call...)
				if err != nil {
					t.Fatal(err)
				}
				if err := stream.SendMsg(request(t, tt.bytes)); err != nil {
					t.Fatalf("SendMsg: %v, want the request to be sent all the same", err)
				}
				body, err := grpctest.Receive(stream)
				if tt.retried {
					if err != nil || body != "one" {
						t.Fatalf("RecvMsg: got %q, %v, want a recovered stream", body, err)
					}
					if diff := cmp.Diff([]int{tt.bytes, tt.bytes}, sizes); diff != "" {
						t.Errorf("sizes that the server has seen (-want +got):\n%s", diff)
					}
					return
				}
				wantUnkept(t, err, refused+1, log.Text(), "WithReplayBuffer")
				grpctest.WantAttempts(t, s, 1)
			})
		})
	}
}

// wantUnkept fails the test unless err and the log say that there was no
// request to retry with, and why.
func wantUnkept(t *testing.T, err error, attempts int, log, reason string) {
	t.Helper()
	retrytest.WantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
	e, ok := errors.AsType[*interceptor.Error](err)
	if !ok || e.Why != policy.Committed || !strings.Contains(e.Advice, reason) || len(e.Attempts) != attempts {
		t.Errorf("got %#v, want an *Error of %d attempts that names %s", err, attempts, reason)
	}
	if !strings.Contains(log, "ERROR [RETRY] Server: gave up") || !strings.Contains(log, reason) {
		t.Errorf("the log does not name %s:\n%s", reason, log)
	}
}
