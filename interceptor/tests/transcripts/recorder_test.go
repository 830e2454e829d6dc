package transcripts_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// transcript is what callers have seen, a line each, in lists of its own
// for what they send, for what they receive and for what else they note: these
// may happen at the same time, and only the order within a list means anything.
type transcript map[string][]string

// recorder writes the transcript of all calls of a connection. Its interceptors
// stand left of all others, where the caller is.
type recorder struct {
	began time.Time // lines begin with the time since; zero for none

	mu    sync.Mutex
	calls int
	lists transcript
}

// newRecorder returns a recorder that counts time from now, if timed.
func newRecorder(timed bool) *recorder {
	r := &recorder{lists: transcript{}}
	if timed {
		r.began = time.Now()
	}
	return r
}

// write adds a line to a list.
func (r *recorder) write(list, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !r.began.IsZero() {
		line = time.Since(r.began).String() + " " + line
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists[list] = append(r.lists[list], line)
}

// note writes what a caller sees by other means than a method of a stream.
func (r *recorder) note(format string, args ...any) { r.write("notes", format, args...) }

// begin returns the name of the next call.
func (r *recorder) begin(method string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	return fmt.Sprintf("call %d, %s", r.calls, path.Base(method))
}

func (r *recorder) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := r.begin(method)
	err := invoker(ctx, method, req, reply, cc, opts...)
	r.write(name, "Invoke %s: %s, reply %s", textOf(req), outcomeOf(err), textOf(reply))
	return err
}

func (r *recorder) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s := &recordedStream{r: r, name: r.begin(method)}
	stream, err := streamer(ctx, desc, cc, method, opts...)
	if err != nil {
		s.received("NewStream: %s, a stream: %v", outcomeOf(err), stream != nil)
		return nil, err
	}
	s.ClientStream = stream
	s.received("NewStream: ok, %s", contextOf(stream.Context())) //nolint:contextcheck // it is what is looked at
	return s, nil
}

// recordedStream writes down what every method returns.
type recordedStream struct {
	grpc.ClientStream
	r    *recorder
	name string
}

func (s *recordedStream) sent(format string, args ...any) {
	s.r.write(s.name+", sends", format, args...)
}

func (s *recordedStream) received(format string, args ...any) {
	s.r.write(s.name+", receives", format, args...)
}

func (s *recordedStream) SendMsg(m any) error {
	err := s.ClientStream.SendMsg(m)
	s.sent("SendMsg %s: %s", textOf(m), outcomeOf(err))
	return err
}

func (s *recordedStream) CloseSend() error {
	err := s.ClientStream.CloseSend()
	s.sent("CloseSend: %s", outcomeOf(err))
	return err
}

// RecvMsg records the trailer too where grpc allows to ask for it, that is after
// an error.
func (s *recordedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.received("RecvMsg: %s, trailer %s", outcomeOf(err), metadataOf(s.ClientStream.Trailer()))
		return err // what is in the message then is nobody's business
	}
	s.received("RecvMsg: ok, message %s, %s", textOf(m), contextOf(s.Context()))
	return err
}

func (s *recordedStream) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	s.received("Header: %s, %s", metadataOf(md), outcomeOf(err))
	return md, err
}

func (s *recordedStream) Trailer() metadata.MD {
	md := s.ClientStream.Trailer()
	s.received("Trailer: %s", metadataOf(md))
	return md
}

// textOf describes a message; a long one by its size and a digest.
func textOf(m any) string {
	msg, ok := m.(proto.Message)
	if !ok {
		return fmt.Sprintf("%T", m)
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		return err.Error()
	}
	if len(encoded) > 64 {
		return fmt.Sprintf("{%d bytes %x}", len(encoded), sha256.Sum256(encoded))
	}
	return "{" + prototext.MarshalOptions{}.Format(msg) + "}"
}

// outcomeOf describes an error by all that a caller can find out about it without
// knowing the interceptor.
func outcomeOf(err error) string {
	switch err {
	case nil:
		return "ok"
	case io.EOF: //nolint:errorlint // callers compare too
		return "EOF"
	}
	st, ok := status.FromError(err)
	return fmt.Sprintf("error %q, status %v {%s}", err.Error(), ok, prototext.MarshalOptions{}.Format(st.Proto()))
}

// metadataOf describes metadata, and tells none from empty: RPCs without a header
// have none.
func metadataOf(md metadata.MD) string {
	if md == nil {
		return "none"
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(md)) {
		fmt.Fprintf(&b, "%s=%q ", key, md[key])
	}
	return "[" + strings.TrimSpace(b.String()) + "]"
}

// contextOf describes the context of a stream.
func contextOf(ctx context.Context) string {
	deadline := "none"
	if at, ok := ctx.Deadline(); ok {
		deadline = time.Until(at).String()
	}
	_, ok := peer.FromContext(ctx)
	return fmt.Sprintf("context: %v, deadline %s, peer %v", ctx.Err(), deadline, ok)
}
