package interceptor

import (
	"context"
	"runtime"
	"testing"
	"time"
	"weak"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// stub is a stream that fails so often and then delivers empty messages.
type stub struct {
	grpc.ClientStream
	err error
}

func (*stub) SendMsg(any) error            { return nil }
func (*stub) CloseSend() error             { return nil }
func (*stub) Header() (metadata.MD, error) { return metadata.MD{}, nil }
func (*stub) Trailer() metadata.MD         { return nil }
func (*stub) Context() context.Context     { return context.Background() }
func (s *stub) RecvMsg(any) error          { return s.err }

// TestStream_pendingIsGarbageAfterCommitment keeps an open stream, and looks
// for what only a retry would need.
func TestStream_pendingIsGarbageAfterCommitment(t *testing.T) {
	observer := WithObserver(func(context.Context, Event) {})
	commitByMessage := func(s grpc.ClientStream) error { return s.RecvMsg(nil) }
	commitByHeader := func(s grpc.ClientStream) error {
		_, err := s.Header()
		return err
	}
	for _, tt := range []struct {
		name     string
		failures int
		commit   func(grpc.ClientStream) error
		opts     []Option
		call     []grpc.CallOption
		timed    bool // something is left to do for the attempt
	}{
		{name: "first message", commit: commitByMessage},
		{name: "header", commit: commitByHeader},
		{name: "first message of a retry", failures: 2, commit: commitByMessage},
		{name: "observed", failures: 2, commit: commitByMessage, opts: []Option{observer}},
		{name: "header, and a timer until the first message", commit: commitByHeader, opts: []Option{WithAttemptTimeout(time.Hour)}, timed: true},
		{name: "with OnFinish", commit: commitByMessage, call: []grpc.CallOption{grpc.OnFinish(func(error) {})}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := New(append(tt.opts, Repeatable(), WithPolicy(codes.Server, policy.Policy{Retries: 2, Multiplier: 1}))...)
			n := 0
			open := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
				if n++; n <= tt.failures {
					return &stub{err: status.Error(grpccodes.Unavailable, "The model is overloaded.")}, nil
				}
				return &stub{}, nil
			}
			stream, err := r.Stream()(t.Context(), &grpc.StreamDesc{ServerStreams: true}, nil, "/a.B/C", open, tt.call...)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 64<<10)}}); err != nil {
				t.Fatal(err)
			}
			p, request := watchPending(t, stream)
			if err := tt.commit(stream); err != nil || n != tt.failures+1 {
				t.Fatalf("got %v after %d attempts, want the stream to be committed after %d", err, n, tt.failures+1)
			}
			runtime.GC()
			if (p.Value() != nil) != tt.timed {
				t.Errorf("what only a retry needs is there: %v, want %v", p.Value() != nil, tt.timed)
			}
			if request.Value() != nil {
				t.Error("the encoded request is still there")
			}
			runtime.KeepAlive(stream)
		})
	}
}

// watchPending returns weak pointers to what a stream keeps for a retry.
func watchPending(t *testing.T, stream grpc.ClientStream) (weak.Pointer[pending], weak.Pointer[byte]) {
	t.Helper()
	s, ok := stream.(*clientStream)
	if !ok || s.pending.Load() == nil || len(s.pending.Load().replay.Encoded()) < 64<<10 {
		t.Fatalf("got %T, want a stream that keeps its request", stream)
	}
	p := s.pending.Load()
	return weak.Make(p), weak.Make(&p.replay.Encoded()[0])
}

// TestStream_requestIsDroppedAtTheEnd: a stream that ended before it was
// committed may be held on to as well.
func TestStream_requestIsDroppedAtTheEnd(t *testing.T) {
	open := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
		return &stub{err: status.Error(grpccodes.NotFound, "no")}, nil
	}
	stream, err := New().Stream()(t.Context(), &grpc.StreamDesc{ServerStreams: true}, nil, "/a.B/C", open)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 64<<10)}}); err != nil {
		t.Fatal(err)
	}
	_, request := watchPending(t, stream)
	if err := stream.RecvMsg(nil); status.Code(err) != grpccodes.NotFound {
		t.Fatalf("RecvMsg: %v, want NOT_FOUND", err)
	}
	runtime.GC()
	if request.Value() != nil {
		t.Error("the encoded request is still there")
	}
	runtime.KeepAlive(stream)
}

// TestResume_keepsOneMessage, unless it was told to keep them all.
func TestResume_keepsOneMessage(t *testing.T) {
	for _, all := range []bool{false, true} {
		r := &resumption{resuming: &resuming{all: all}}
		for range 5 {
			r.delivered(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: make([]byte, 100)}})
		}
		if kept := len(r.messages.Encoded()) > 200; kept != all || r.count != 5 {
			t.Errorf("all %v: %d bytes are kept of %d messages", all, len(r.messages.Encoded()), r.count)
		}
	}
}
