package worlds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// lifeBytes is a codec for messages that are encoded already.
type lifeBytes struct{}

func (lifeBytes) Name() string                  { return "proto" }
func (lifeBytes) Marshal(m any) ([]byte, error) { return *m.(*[]byte), nil } //nolint:forcetypeassert // the caller's
func (lifeBytes) Unmarshal(b []byte, m any) error {
	to, ok := m.(*[]byte)
	if !ok {
		return fmt.Errorf("a %T is not the caller's", m)
	}
	*to = slices.Clone(b)
	return nil
}

// call makes a call as its plan says.
func (l *lifeRun) call(rec *lifeRecord) {
	l.guard(rec, func() {
		ctx := rec.ctx
		if rec.Deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, rec.Deadline)
			context.AfterFunc(rec.ctx, cancel)
		}
		if rec.Cancel > 0 {
			time.AfterFunc(rec.Cancel, rec.cancel)
		}
		switch rec.Kind {
		case doLife:
			rec.end(l.retrier.Do(ctx, "life", func(ctx context.Context) error { return l.work(ctx, rec) }, rec.options(l)...))
		case unaryLife:
			l.unary(ctx, rec)
		default:
			l.stream(ctx, rec)
		}
	})
}

// work is the function of Do.
func (l *lifeRun) work(ctx context.Context, rec *lifeRecord) error {
	n := l.begin(ctx, rec)
	step := rec.step(n)
	if r := rec.right(n); r.Act != fine {
		if r.Act == fails {
			return grpctest.ErrUnreachable
		}
		l.misbehave(rec, r.Act, "the function of Do", false)
	}
	grpctest.Snooze(ctx, step.Delay)
	if step.Hang {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return step.error()
}

func (l *lifeRun) unary(ctx context.Context, rec *lifeRecord) {
	req, reply := rec.message(0, rec.Size), new(testpb.StreamingOutputCallResponse)
	var in, out any = req, reply
	var raw []byte
	if rec.Raw {
		b, err := proto.Marshal(req)
		if err != nil {
			panic(err)
		}
		in, out = &b, &raw
	}
	rec.sent = 1
	err := l.conn.Invoke(ctx, rec.method(), in, out, rec.grpcOptions(l)...)
	if err == nil {
		if rec.Raw {
			err = proto.Unmarshal(raw, reply)
		}
		rec.received(l, reply)
	}
	rec.end(err)
}

// received notes a message that the caller was given.
func (r *lifeRecord) received(l *lifeRun, m *testpb.StreamingOutputCallResponse) {
	body, ok := unchanged(string(m.GetPayload().GetBody()), r.Changes && !r.Raw && !strings.HasPrefix(string(m.GetPayload().GetBody()), "filled"))
	if !ok {
		l.problem("values: the interceptor on the right was passed over, or run twice", "call %d received %q", r.id, m.GetPayload().GetBody())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
}

// message returns message n of the caller's.
func (r *lifeRecord) message(n, size int) *testpb.StreamingOutputCallRequest {
	m := grpctest.Ask(fmt.Sprintf("%d/%d", r.id, n))
	m.ResponseStatus = &testpb.EchoStatus{Message: strings.Repeat("x", size)}
	return m
}

func (r *lifeRecord) method() string {
	switch r.Kind {
	case serverLife:
		return "/life.World/Server"
	case clientLife:
		return "/life.World/Client"
	case bidiLife:
		return "/life.World/Bidi"
	default:
		return "/life.World/Unary"
	}
}

// lifeStream is a stream in the hands of its caller.
type lifeStream struct {
	grpc.ClientStream
	l      *lifeRun
	rec    *lifeRecord
	closed bool
	over   bool // for the goroutine that receives
}

// stream makes a call that is a stream.
func (l *lifeRun) stream(ctx context.Context, rec *lifeRecord) {
	desc := &grpc.StreamDesc{StreamName: "life", ServerStreams: !rec.single(), ClientStreams: rec.Kind != serverLife}
	stream, err := l.conn.NewStream(ctx, desc, rec.method(), rec.grpcOptions(l)...)
	if err != nil {
		rec.end(err)
		return
	}
	s := &lifeStream{ClientStream: stream, l: l, rec: rec}
	if len(rec.Beside) == 0 {
		s.do(rec.Ops)
		s.finishSending()
		s.drain()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		l.guard(rec, func() {
			s.do(rec.Beside)
			s.drain()
		})
	})
	defer wg.Wait()
	s.do(rec.Ops)
	s.finishSending()
}

// do calls the methods.
func (s *lifeStream) do(ops []lifeOp) {
	for _, op := range ops {
		time.Sleep(op.After)
		switch op.Do {
		case opRecv:
			s.receive()
		case opSend:
			s.send(op.Size)
		case opCloseSend:
			s.closed = true
			_ = s.CloseSend()
		case opHeader:
			if s.l.tcp || len(s.rec.Beside) == 0 || s.rec.receives(ops) {
				_, _ = s.Header()
			}
		case opContext:
			_ = s.Context().Err()
		case opTrailer:
			s.trailer()
		}
	}
}

// trailer calls Trailer, unless the attempt may go on below an interceptor on the right
// that has failed it: grpc forbids it then.
func (s *lifeStream) trailer() {
	if s.over && s.rec.Right == nil {
		_ = s.Trailer()
	}
}

// receives reports whether it is the goroutine of these methods that receives. Header
// and RecvMsg wait for each other with a mutex of the engine's, and testing/synctest
// moves no clock meanwhile: in a bubble only one goroutine calls them.
func (r *lifeRecord) receives(ops []lifeOp) bool { return &ops[0] == &r.Beside[0] }

// send sends the next message.
func (s *lifeStream) send(size int) {
	s.rec.mu.Lock()
	n := s.rec.sent
	s.rec.sent++
	s.rec.mu.Unlock()
	var m any = s.rec.message(n, size)
	switch {
	case s.rec.Raw:
		b, err := proto.Marshal(m.(proto.Message)) //nolint:forcetypeassert // it is one
		if err != nil {
			panic(err)
		}
		m = &b
	case s.rec.Prepared:
		var p grpc.PreparedMsg
		if err := p.Encode(s.ClientStream, m); err != nil {
			s.l.problem("PreparedMsg", "call %d: %v", s.rec.id, err)
			return
		}
		m = &p
	}
	_ = s.SendMsg(m)
}

// receive receives a message, or the end.
func (s *lifeStream) receive() {
	var reply testpb.StreamingOutputCallResponse
	var raw []byte
	var err error
	if s.rec.Raw {
		if err = s.RecvMsg(&raw); err == nil {
			err = proto.Unmarshal(raw, &reply)
		}
	} else {
		err = s.RecvMsg(&reply)
	}
	if err == nil {
		s.rec.received(s.l, &reply)
		return
	}
	if before := s.rec.err; s.over && err != before && (before != nil || !errors.Is(err, io.EOF)) { //nolint:errorlint // the same one
		s.l.problem("stream: it ends with two errors", "call %d: %v, and then %v", s.rec.id, before, err)
	}
	s.over = true
	if errors.Is(err, io.EOF) {
		err = nil
	}
	s.rec.end(err)
}

// finishSending sends what the server waits for.
func (s *lifeStream) finishSending() {
	if s.rec.Abandon {
		return
	}
	if s.rec.Kind == serverLife && s.rec.sent == 0 && !s.closed {
		s.send(0)
	}
	if !s.closed {
		_ = s.CloseSend()
	}
}

// drain reads the stream to its end, and beyond it.
func (s *lifeStream) drain() {
	if s.rec.Abandon {
		return
	}
	for !s.over {
		s.receive()
	}
	for range 2 {
		s.receive()
		_, _ = s.Header()
		if len(s.rec.Beside) == 0 { // else the other goroutine may be sending
			_ = s.CloseSend()
		}
		s.trailer()
	}
}
