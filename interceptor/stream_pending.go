package interceptor

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// pending is what a stream needs to be re-invoked. It is dropped when the
// stream is committed, unless it can be resumed, or something has still to be
// done for the attempt.
//
// mu guards the fields of the stream that it belongs to and its own. While the
// phase is busy they belong to the goroutine that makes the retry, and
// lock waits, so that what the caller does meanwhile happens on the new
// attempt. It waits on a condition, not on the mutex, because testing/synctest
// moves no clock while someone waits for a mutex.
type pending struct {
	s        *clientStream // that it belongs to
	mu       sync.Mutex
	settled  sync.Cond // the phase is no longer busy, or replaying has become false
	phase    phase
	values   context.Context // of the attempt that is being replaced
	receive  sync.Mutex      // held while an attempt receives
	sending  int             // how many messages of the caller's are being sent
	streamer grpc.Streamer
	desc     *grpc.StreamDesc
	target   target
	finish   *finishers
	accept   AcceptFunc // nil for every answer
	life     *call      // nil until an attempt has failed, unless its options or an observer need it before
	retries  int        // begun so far: the number of the current attempt, counted from 0
	timer    *attemptTimer

	limit     int // of what is kept, in bytes; negative until it is known
	replay    replay.Buffer
	replaying bool              // on the current attempt, on a goroutine of its own
	peeked    *emptypb.Empty    // a message that was received before it was asked for
	orphan    grpc.ClientStream // an attempt that was given up and has yet to be ended

	resume   *resumption
	givenOut *streamContext // that the caller was given, or nil
}

// call returns the life of the call.
func (p *pending) call() *call {
	if p.life == nil {
		p.life = &call{target: p.target}
	}
	return p.life
}

// open makes the first attempt, and further ones until a stream is there.
func (p *pending) open(first early) (grpc.ClientStream, error) {
	t := &p.target
	opened := false
	defer func() {
		if !opened {
			p.life.quit()
		}
	}()
	s := &clientStream{r: t.r, ctx: t.ctx, cc: t.cc, method: t.method, single: !p.desc.ServerStreams}
	p.s = s
	if first > nothingEarly || t.r.gates.There() {
		c := p.call()
		if final := c.enter(); final != nil {
			p.finish.end(final)
			c.release()
			return nil, final
		}
		c.beginAttempt()
	}
	err := p.begin()
	if err != nil {
		if ok, final := p.retry(err, codes.Evidence{Watched: true}); !ok {
			p.finish.end(final)
			p.life.release()
			return nil, final
		}
	}
	s.pending.Store(p)
	opened = true
	return s, nil
}

// begin makes the first attempt. Unless it is timed it has the caller's own
// context: grpc ends whatever fails below it.
func (p *pending) begin() error {
	s := p.s
	ctx := p.target.ctx
	if p.life != nil && p.life.knobs.attemptTimeout > 0 {
		ctx = p.timed(ctx, s)
	}
	opts := p.target.opts
	opts = p.ownResults(opts)
	if p.life != nil {
		opts = p.life.watchPlace(opts)
	}
	attempt, err := p.streamer(ctx, p.desc, p.target.cc, p.target.method, opts...)
	if err != nil {
		return p.timer.explain(err)
	}
	s.attempt = attempt
	p.opened()
	return nil
}

// prepare finds out what has to be known before the first attempt.
func (p *pending) prepare() {
	c := p.call()
	c.prepare()
	p.target = c.target
	p.limit, p.accept = c.knobs.replay, c.knobs.accept
	if c.knobs.resume != nil && c.kind == serverStream {
		p.resume = &resumption{resuming: c.knobs.resume}
	}
}

// timed returns the context of an attempt with a timer that is running.
func (p *pending) timed(ctx context.Context, s *clientStream) context.Context {
	ctx, p.timer = newAttemptTimer(ctx, p.target.r.clock, p.life.knobs.attemptTimeout)
	timer := p.timer
	s.cancel = func() {
		timer.halt()
		timer.end(nil)
	}
	timer.start()
	return ctx
}

// opened halts the timer where the client has yet to speak.
func (p *pending) opened() {
	if p.desc.ClientStreams && !p.replay.Closed && (!p.desc.ServerStreams || p.replay.Len() == 0) {
		p.timer.halt()
	}
}

// lock takes mu when no retry is under way.
func (p *pending) lock() {
	p.mu.Lock()
	for p.phase.busy() {
		p.settled.Wait()
	}
}

// attempt returns the attempt that is current, and its number.
func (p *pending) attempt() (attempt grpc.ClientStream, n int) {
	s := p.s
	p.lock()
	defer p.mu.Unlock()
	return s.attempt, p.retries
}

// receiveFrom receives from the attempt. RecvMsg and Header may both be at it,
// while grpc allows one at a time.
func (p *pending) receiveFrom(attempt grpc.ClientStream, m any) error {
	p.receive.Lock()
	defer p.receive.Unlock()
	if peeked := p.takePeeked(); peeked != nil {
		return decodePeeked(peeked, m)
	}
	return attempt.RecvMsg(m)
}

// failed handles an error that attempt n returned, to a receiver of m if there
// was one. It reports whether the attempt was replaced, here or by another
// goroutine; otherwise final is what the stream has ended with, io.EOF included.
func (p *pending) failed(n int, err error, m any) (replaced bool, final error) {
	s := p.s
	mine, replaced, final := p.claim(n)
	switch {
	case replaced, final != nil:
		return replaced, final
	case !mine: // it is committed
		return false, s.end(p.explain(err))
	}
	replaced, final = p.conclude(err, m)
	if !replaced {
		p.finish.end(final)
	}
	return replaced, final
}

// explain returns err, or what it stands for where a timer has ended the
// attempt.
func (p *pending) explain(err error) error {
	p.lock()
	timer := p.timer
	p.mu.Unlock()
	return timer.explain(err)
}

// claim makes the stream this goroutine's until it has settled what follows
// from the error of attempt n; unless the attempt was replaced, the stream has
// ended, with final, or is committed for good.
func (p *pending) claim(n int) (mine, replaced bool, final error) {
	s := p.s
	p.lock()
	defer p.mu.Unlock()
	switch over := s.over.Load(); {
	case over != nil:
		return false, false, over.err
	case p.retries != n:
		return false, true, nil
	case !p.replace():
		return false, false, nil
	}
	p.replaying = false
	if s.attempt != nil {
		p.values = s.attempt.Context()
	}
	return true, false, nil
}

// conclude replaces the failed attempt, or ends the stream.
func (p *pending) conclude(err error, m any) (replaced bool, final error) {
	s := p.s
	c := p.call()
	err = truth(c.ctx, s.attempt, err)
	c.deliverFrom(s.attempt)
	defer func() {
		if !replaced {
			c.quit()
		}
		p.settle(replaced, err)
	}()
	ended := err == io.EOF //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
	if ended && !p.phase.hasShown() && !c.resumed && p.hasAccept() {
		reset(m)
		if rejected := accepts(c.ctx, p.accept, c.method, m); rejected != nil {
			err, ended = rejected, false
		}
	}
	if ended {
		c.succeeded()
		p.end(io.EOF)
		return false, io.EOF
	}
	err = p.timer.explain(err)
	ev := evidenceOf(s.attempt)
	var ok bool
	if p.phase.hasShown() {
		ok, final = p.goOn(err, ev)
	} else {
		ok, final = p.retry(err, ev)
	}
	if !ok {
		p.end(final)
		return false, final
	}
	return true, nil
}

// settle lets the other goroutines go on. If there is no attempt to go on
// with, or the call has ended, and the stream has not, a hook has panicked: then the
// stream is over, with err.
func (p *pending) settle(another bool, err error) {
	s := p.s
	if s.over.Load() == nil && (s.attempt == nil || p.call().over) {
		p.end(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replaced(another)
	p.settled.Broadcast()
}

// end ends the stream before commitment.
func (p *pending) end(final error) {
	s := p.s
	p.mu.Lock()
	defer p.mu.Unlock()
	s.finish(final)
	p.life.release()
	p.replay, p.resume = replay.Buffer{}, nil
	p.givenOut.endNow()
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
