package interceptor

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// pending is what a server stream needs to be re-invoked. It is dropped when
// the stream is committed.
//
// mu guards the fields of the stream that it belongs to and its own. It is
// held while a retry waits and replays, so that what the caller does
// meanwhile happens on the new attempt.
type pending struct {
	mu       sync.Mutex
	streamer grpc.Streamer
	desc     *grpc.StreamDesc
	target   target
	finish   *finishers
	life     *call // nil until an attempt has failed, unless it is observed

	sent    protoreflect.MessageType // of the request; nil until there is one
	request []byte                   // encoded
	unkept  string                   // why there is no request to retry with
	closed  bool                     // CloseSend was called
}

// call returns the life of the call.
func (p *pending) call() *call {
	if p.life == nil {
		p.life = &call{target: p.target}
	}
	return p.life
}

// attempts returns how many attempts have been made when one has failed; 0
// while the first stands.
func (p *pending) attempts() int {
	if p.life == nil {
		return 0
	}
	return p.life.state.Attempts
}

// open makes the first attempt, and further ones until a stream is there.
func (p *pending) open() (grpc.ClientStream, error) {
	t := &p.target
	s := &clientStream{r: t.r, ctx: t.ctx}
	if t.r.observer != nil {
		p.call().begin()
	}
	attempt, err := p.streamer(t.ctx, p.desc, t.cc, t.method, t.opts...)
	if err == nil {
		s.attempt = attempt
	} else if ok, final := p.retry(s, err, codes.Evidence{Watched: true}); !ok {
		p.end(s, final)
		return nil, final
	}
	s.pending.Store(p)
	return s, nil
}

// attempt returns the attempt that is current, and its number.
func (p *pending) attempt(s *clientStream) (attempt grpc.ClientStream, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.attempt, p.attempts()
}

// commit makes attempt n the last one, because the caller is about to be
// shown something of it. It reports false if it was replaced meanwhile, in
// which case the caller must not be shown anything of it.
func (p *pending) commit(s *clientStream, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts() != n {
		return false
	}
	if s.pending.Load() == nil {
		return true
	}
	if p.life != nil { // it was retried, or someone wants to know how it ends
		p.life.committed()
		s.call = p.life
	}
	p.finish.commit()
	s.pending.Store(nil) // drops everything that only a retry needs
	return true
}

// failed handles an error that attempt n returned before commitment. It
// reports whether the attempt was replaced, here or by another goroutine;
// otherwise final is what the stream has ended with, io.EOF included.
func (p *pending) failed(s *clientStream, n int, err error) (replaced bool, final error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch over := s.over.Load(); {
	case over != nil:
		return false, over.err
	case p.attempts() != n:
		return true, nil
	case s.pending.Load() == nil: // committed by another goroutine
		return false, s.end(err)
	case err == io.EOF: //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
		p.call().succeeded()
		p.end(s, io.EOF)
		return false, io.EOF
	}
	if ok, final := p.retry(s, err, evidenceOf(s.attempt)); !ok {
		p.end(s, final)
		return false, final
	}
	return true, nil
}

// end ends the stream before commitment.
func (p *pending) end(s *clientStream, final error) {
	s.finish(final)
	p.finish.end(final)
	p.request = nil
}

// evidenceOf returns what an attempt that had a stream has left behind.
func evidenceOf(attempt grpc.ClientStream) codes.Evidence {
	return codes.Evidence{Watched: true, Stream: true, Trailer: attempt.Trailer()}
}

// retry makes attempts after one has failed with err, until one stands with
// everything replayed, or nothing more is to be tried.
func (p *pending) retry(s *clientStream, err error, ev codes.Evidence) (ok bool, final error) {
	c := p.call()
	c.requestSize, c.unkept = len(p.request), p.unkept
	for {
		if s.cancel != nil {
			s.cancel()
			s.cancel = nil
		}
		wait, again, final := c.failed(err, ev)
		if !again {
			return false, final
		}
		if final := c.pause(wait); final != nil {
			return false, final
		}
		resetResults(c.opts)
		p.finish.forget()
		c.beginAttempt()
		var ctx context.Context
		ctx, s.cancel = context.WithCancel(c.attemptContext())
		s.attempt, err = p.streamer(ctx, p.desc, c.cc, c.method, c.opts...)
		if err != nil {
			s.attempt, ev = nil, codes.Evidence{Watched: true}
			continue
		}
		if err = p.replay(s.attempt); err == nil {
			return true, nil
		}
		ev = evidenceOf(s.attempt)
	}
}

// replay sends on a new attempt what was sent on the one before. If that
// breaks, RecvMsg finds out why.
func (p *pending) replay(attempt grpc.ClientStream) error {
	if p.sent != nil {
		m := p.sent.New().Interface()
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(p.request, m); err != nil {
			return err
		}
		if err := attempt.SendMsg(m); err != nil && err != io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			return err
		}
	}
	if p.closed {
		_ = attempt.CloseSend() // likewise
	}
	return nil
}

// send sends the request on the current attempt, and keeps it. A broken
// attempt is not the caller's trouble yet: RecvMsg finds out why, and retries.
func (p *pending) send(s *clientStream, m any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if over := s.over.Load(); over != nil {
		return over.err
	}
	if s.pending.Load() == nil {
		return s.attempt.SendMsg(m)
	}
	p.keep(m)
	err := s.attempt.SendMsg(m)
	if err == nil || err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
		return nil
	}
	final := p.call().endStream(err, s.attempt, policy.NeverRetried) // of the caller's own making, as a message that is too large
	p.end(s, final)
	return final
}

// keep encodes the request for a retry, if it can be.
func (p *pending) keep(m any) {
	t := &p.target
	var msg proto.Message
	switch m := m.(type) {
	case proto.Message:
		msg = m
	case protoadapt.MessageV1:
		msg = protoadapt.MessageV2Of(m)
	default:
		p.unkept = "the request is no protobuf message and cannot be kept for a retry"
		return
	}
	if p.sent != nil { // grpc refuses a second request
		return
	}
	size := proto.Size(msg)
	if size > t.r.base.replay {
		if _, k := t.r.resolve(t.ctx, t.method, t.opts); size > k.replay {
			p.unkept = tooLarge
			return
		}
	}
	encoded, err := proto.MarshalOptions{AllowPartial: true, UseCachedSize: true}.MarshalAppend(make([]byte, 0, size), msg)
	if err != nil { // SendMsg is about to say so
		return
	}
	p.sent, p.request = msg.ProtoReflect().Type(), encoded
}

// closeSend closes the sending side of the current attempt.
func (p *pending) closeSend(s *clientStream) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.over.Load() != nil {
		return nil
	}
	if s.pending.Load() == nil {
		return s.attempt.CloseSend()
	}
	p.closed = true
	_ = s.attempt.CloseSend() // if the attempt is broken, RecvMsg finds out why
	return nil
}
