package interceptor

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
	"github.com/reinvoke/reinvoke/policy"
)

// pending holds what a stream needs for a retry. The stream drops it at commitment, or
// later if WithResume applies or the attempt still has something to do.
//
// mu guards the fields of pending and those of its stream. While the phase is busy, the
// fields belong to the goroutine that makes the retry, and lock waits, so that what the
// caller does meanwhile happens on the new attempt. lock waits on a condition, not on
// the mutex, because testing/synctest moves no clock while a goroutine waits for a mutex.
type pending struct {
	s        *clientStream // the owner
	mu       sync.Mutex
	settled  sync.Cond // signals the end of a busy phase or of replaying
	phase    phase
	values   context.Context // of the attempt being replaced
	receive  sync.Mutex      // held while an attempt receives
	sending  int             // the number of the caller's messages being sent
	streamer grpc.Streamer
	desc     *grpc.StreamDesc
	target   target
	finish   *finishers
	accept   AcceptFunc // nil accepts every answer
	life     *call      // nil until needed, at the latest when an attempt fails
	retries  int        // begun so far; also the number of the current attempt, counted from 0
	timer    *attemptTimer

	takes     *policy.Cost // what the first message takes; nil if unknown
	limit     int          // of replay, in bytes; negative until resolved
	replay    replay.Buffer
	replaying bool              // a goroutine replays on the current attempt
	begun     bool              // the caller has sent a message
	peeked    *emptypb.Empty    // a message received ahead of RecvMsg
	orphan    grpc.ClientStream // an abandoned attempt, still to be ended

	resume   *resumption
	givenOut *streamContext // the context given to the caller; nil for none
}

// call returns the life of the call, made on first use.
func (p *pending) call() *call {
	if p.life == nil {
		p.life = &call{target: p.target}
	}
	return p.life
}

// open makes the first attempt, and further attempts until there is a stream.
func (p *pending) open(first early) (grpc.ClientStream, error) {
	t := &p.target
	opened := false
	defer func() {
		if !opened {
			p.cancel() // also if an interceptor on the right panics
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

// begin makes the first attempt. Without a timer the attempt has the caller's own
// context, since grpc itself ends an attempt that fails.
func (p *pending) begin() error {
	s := p.s
	ctx := p.target.ctx
	if p.life != nil {
		ctx = p.life.ctx
	}
	if p.life != nil && p.life.knobs.attemptTimeout > 0 {
		ctx = p.timed(ctx, s)
	}
	opts := p.target.opts
	opts = p.ownResults(opts)
	if p.life != nil {
		opts = p.life.watchPlace(opts)
	}
	attempt, err := p.newStream(ctx, opts)
	if err != nil {
		return p.timer.explain(err)
	}
	s.attempt = attempt
	p.opened()
	return nil
}

// prepare resolves the settings needed before the first attempt.
func (p *pending) prepare() {
	c := p.call()
	c.prepare()
	p.target = c.target
	p.limit, p.accept = c.knobs.replay, c.knobs.accept
	if c.knobs.resume != nil && c.kind == serverStream {
		p.resume = &resumption{resuming: c.knobs.resume}
	} else if c.knobs.resume != nil && p.desc.ServerStreams {
		c.r.warnOfResume(c)
	}
}

// timed returns the context of an attempt and starts the timer of the attempt.
func (p *pending) timed(ctx context.Context, s *clientStream) context.Context {
	ctx, p.timer = newAttemptTimer(ctx, p.target.r.clock, p.life.knobs.attemptTimeout, p.life.patience())
	timer := p.timer
	s.cancel = func() {
		timer.halt()
		timer.end(nil)
	}
	timer.start()
	return ctx
}

// opened pauses the timer if the client is the next to speak.
func (p *pending) opened() {
	if p.desc.ClientStreams && !p.replay.Closed && (!p.desc.ServerStreams || p.replay.Len() == 0) {
		p.timer.pause()
	}
}

// lock waits until no retry is under way, and takes mu.
func (p *pending) lock() {
	p.mu.Lock()
	for p.phase.busy() {
		p.settled.Wait()
	}
}

// attempt returns the current attempt and its number.
func (p *pending) attempt() (attempt grpc.ClientStream, n int) {
	s := p.s
	p.lock()
	defer p.mu.Unlock()
	return s.attempt, p.retries
}

// receiveFrom receives from the attempt. The mutex lets RecvMsg and Header take turns,
// because grpc allows one receiver at a time.
func (p *pending) receiveFrom(attempt grpc.ClientStream, m any) error {
	p.receive.Lock()
	defer p.receive.Unlock()
	if peeked := p.takePeeked(); peeked != nil {
		return decodePeeked(peeked, m)
	}
	return attempt.RecvMsg(m)
}

// failed handles the error of attempt n. m is the message being received, if any.
// replaced reports whether another attempt has taken over, made here or by another
// goroutine; otherwise final is the result of the stream, io.EOF included.
func (p *pending) failed(n int, err error, m any) (replaced bool, final error) {
	s := p.s
	mine, replaced, final := p.claim(n)
	switch {
	case replaced, final != nil:
		return replaced, final
	case !mine: // the stream is committed
		return false, s.end(p.explain(err))
	}
	replaced, final = p.conclude(err, m)
	if !replaced {
		p.finish.end(final)
	}
	return replaced, final
}

// explain returns err, or the timeout error if the timer has ended the attempt.
func (p *pending) explain(err error) error {
	p.lock()
	timer := p.timer
	p.mu.Unlock()
	return timer.explain(err)
}

// claim reserves the stream for this goroutine until settle, because attempt n has
// ended. If mine is false, then attempt n was replaced, or the stream has ended with
// final, or, if neither, the stream is committed for good.
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

// conclude replaces the attempt that ended with err, or ends the stream.
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

// settle lets the other goroutines go on. If the stream has not ended although there is
// no attempt or the call has ended, a hook has panicked: settle ends the stream with err.
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

// end ends a pending stream.
func (p *pending) end(final error) {
	s := p.s
	p.mu.Lock()
	defer p.mu.Unlock()
	s.finish(final)
	p.life.release()
	p.replay, p.resume = replay.Buffer{}, nil
	p.givenOut.endNow()
}

// evidenceOf returns the evidence left by an attempt that had a stream.
func evidenceOf(attempt grpc.ClientStream) codes.Evidence {
	ev := codes.Evidence{Watched: true, Stream: true}
	if attempt.Context().Err() != nil { // else an interceptor on the right failed, and Header would block on the live stream below
		ev.Header, _ = attempt.Header() // the error is known
		ev.Trailer = attempt.Trailer()
	}
	return ev
}
