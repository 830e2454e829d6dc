package interceptor

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/reinvoke/reinvoke/codes"
)

// pending is what a server stream needs to be re-invoked. It is dropped when
// the stream is committed.
//
// mu guards the fields of the stream that it belongs to and its own. While a
// retry waits and replays they belong to the goroutine that makes it, and
// lock waits, so that what the caller does meanwhile happens on the new
// attempt. It waits on a condition, not on the mutex, because testing/synctest
// moves no clock while someone waits for a mutex.
type pending struct {
	mu       sync.Mutex
	settled  sync.Cond // retrying has become false
	retrying bool
	receive  sync.Mutex // held while an attempt receives

	streamer grpc.Streamer
	desc     *grpc.StreamDesc
	target   target
	finish   *finishers
	life     *call // nil until an attempt has failed, unless it is observed
	retries  int   // begun so far: the number of the current attempt, counted from 0

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

// open makes the first attempt, and further ones until a stream is there.
func (p *pending) open() (grpc.ClientStream, error) {
	t := &p.target
	s := &clientStream{r: t.r, ctx: t.ctx, method: t.method}
	if t.r.observer != nil {
		p.call().begin()
	}
	attempt, err := p.streamer(t.ctx, p.desc, t.cc, t.method, t.opts...)
	if err == nil {
		s.attempt = attempt
	} else if ok, final := p.retry(s, err, codes.Evidence{Watched: true}); !ok {
		p.finish.end(final)
		return nil, final
	}
	s.pending.Store(p)
	return s, nil
}

// lock takes mu when no retry is under way.
func (p *pending) lock() {
	p.mu.Lock()
	for p.retrying {
		p.settled.Wait()
	}
}

// attempt returns the attempt that is current, and its number.
func (p *pending) attempt(s *clientStream) (attempt grpc.ClientStream, n int) {
	p.lock()
	defer p.mu.Unlock()
	return s.attempt, p.retries
}

// receiveFrom receives from the attempt. RecvMsg and Header may both be at it,
// while grpc allows one at a time.
func (p *pending) receiveFrom(attempt grpc.ClientStream, m any) error {
	p.receive.Lock()
	defer p.receive.Unlock()
	return attempt.RecvMsg(m)
}

// commit makes attempt n the last one, because the caller is about to be
// shown something of it. It reports false if it was replaced meanwhile, in
// which case the caller must not be shown anything of it.
func (p *pending) commit(s *clientStream, n int) bool {
	told, ok := p.commitLocked(s, n)
	if !ok {
		return false
	}
	p.finish.commit() // these call the caller's functions, and so without the lock
	if told != nil {
		told.tellCommitted()
	}
	return true
}

// commitLocked returns the life of the call as it is at commitment, if there
// is someone to be told.
func (p *pending) commitLocked(s *clientStream, n int) (told *call, ok bool) {
	p.lock()
	defer p.mu.Unlock()
	if p.retries != n {
		return nil, false
	}
	if s.pending.Load() == nil {
		return nil, true
	}
	if p.life != nil { // it was retried, or someone wants to know how it ends
		now := *p.life
		told = &now
		p.life.shown = true
		s.call = p.life
	}
	p.target.r.budget.Success() // now: many a stream is never read to its end
	s.pending.Store(nil)        // drops everything that only a retry needs
	return told, true
}

// failed handles an error that attempt n returned before commitment. It
// reports whether the attempt was replaced, here or by another goroutine;
// otherwise final is what the stream has ended with, io.EOF included.
func (p *pending) failed(s *clientStream, n int, err error) (replaced bool, final error) {
	mine, replaced, final := p.claim(s, n)
	switch {
	case replaced, final != nil:
		return replaced, final
	case !mine: // committed by another goroutine
		return false, s.end(err)
	}
	replaced, final = p.conclude(s, err)
	if !replaced {
		p.finish.end(final)
	}
	return replaced, final
}

// claim makes the stream this goroutine's until it has settled what follows
// from the error of attempt n; unless the attempt was replaced, the stream has
// ended, with final, or was committed.
func (p *pending) claim(s *clientStream, n int) (mine, replaced bool, final error) {
	p.lock()
	defer p.mu.Unlock()
	switch over := s.over.Load(); {
	case over != nil:
		return false, false, over.err
	case p.retries != n:
		return false, true, nil
	case s.pending.Load() == nil:
		return false, false, nil
	}
	p.retrying = true
	return true, false, nil
}

// conclude replaces the failed attempt, or ends the stream.
func (p *pending) conclude(s *clientStream, err error) (replaced bool, final error) {
	defer p.settle(s, err)
	if err == io.EOF { //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
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

// settle lets the other goroutines go on. If there is no attempt to go on
// with, and no end either, a hook has panicked: then the stream is over.
func (p *pending) settle(s *clientStream, err error) {
	if s.attempt == nil && s.over.Load() == nil {
		p.end(s, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retrying = false
	p.settled.Broadcast()
}

// end ends the stream before commitment.
func (p *pending) end(s *clientStream, final error) {
	s.finish(final)
	p.request = nil
}

// evidenceOf returns what an attempt that had a stream has left behind.
func evidenceOf(attempt grpc.ClientStream) codes.Evidence {
	ev := codes.Evidence{Watched: true, Stream: true}
	if attempt.Context().Err() != nil { // else an interceptor on the right has failed it, and below it goes on: Header would wait
		ev.Header, _ = attempt.Header() // the error is known
		ev.Trailer = attempt.Trailer()
	}
	return ev
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
		p.retries++
		resetResults(c.opts)
		c.opts = p.finish.next(c.ctx, c.cc, c.opts)
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

// send sends the request on the current attempt, and keeps it. A broken
// attempt is not the caller's trouble yet: RecvMsg finds out why, and retries.
//
// The attempt is used without the lock, since sending may block until the
// server reads, and the server may answer before it does. If the attempt was
// replaced meanwhile, the request was replayed.
func (p *pending) send(s *clientStream, m any) error {
	attempt, n, over := p.sending(s, m)
	if attempt == nil {
		return over
	}
	err := attempt.SendMsg(m)
	if err == nil || err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
		return nil
	}
	// It may be of the caller's own making, as a message that is too large; or
	// the attempt was never processed, grpc made another one of it by itself,
	// and that one failed. The classification tells.
	mine, replaced, final := p.claim(s, n)
	switch {
	case replaced, final != nil:
		return final
	case !mine:
		return err
	}
	if replaced, final = p.conclude(s, err); !replaced {
		p.finish.end(final)
	}
	return final
}

// sending keeps the request, and returns the attempt to send it on, with its
// number: none where the stream is over, with the error that it ended with.
func (p *pending) sending(s *clientStream, m any) (attempt grpc.ClientStream, n int, over error) {
	p.lock()
	defer p.mu.Unlock()
	if over := s.over.Load(); over != nil {
		return nil, 0, over.err
	}
	if s.pending.Load() != nil {
		p.keep(m)
	}
	return s.attempt, p.retries, nil
}

// closeSend closes the sending side of the current attempt.
func (p *pending) closeSend(s *clientStream) error {
	p.lock()
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
