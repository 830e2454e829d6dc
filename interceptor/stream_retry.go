package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// retry makes further attempts after a failure with err, until an attempt has taken the
// replay or nothing more is to be tried.
func (p *pending) retry(err error, ev codes.Evidence) (ok bool, final error) {
	c := p.call()
	for {
		p.cancel()
		c.sent, c.takes = len(p.replay.Encoded()), p.takes
		if rt := c.routed(); rt != nil {
			rt.setRequest(p.request())
		}
		wait, again, final := c.failed(err, ev)
		p.abandon()
		if again {
			final = p.pause(wait)
		} else {
			then := c.concede(p.request, nil, final)
			final = then.final
			if final == nil {
				final = p.ask(then.next)
			}
			if final == nil {
				final = c.askBreaker() // another request is meant for another quota: no wait at a gate
			}
		}
		if final != nil {
			return false, final
		}
		if ev, err = p.again(); err == nil {
			return true, nil
		}
	}
}

// pause waits before a retry, and takes the request of a fallback asked at the gate.
func (p *pending) pause(wait time.Duration) error {
	c := p.call()
	if c.knobs.fallback != nil {
		c.firstSent = p.request
	}
	final := c.pause(wait)
	if next := c.instead; final == nil && next != nil {
		c.instead = nil
		final = p.ask(next)
	}
	return final
}

// request returns a copy of the first message sent, or nil.
func (p *pending) request() any {
	if p.replay.Len() == 0 {
		return nil
	}
	m, err := p.replay.Message(0)
	if err != nil { // unexpected, since the buffer encoded the message itself
		return nil
	}
	return m
}

// ask replaces the first message by another request.
func (p *pending) ask(next any) error {
	p.takes = nil
	p.call().takes = nil
	if err := p.replay.Replace(next); err != nil { // next has the type of the first message
		return p.call().hookFailed(&hook.Error{Option: "WithFallback", Text: "got a request that cannot be encoded: " + err.Error()})
	}
	return nil
}

// again makes an attempt and replays the messages sent so far. It returns the error of
// the attempt with the evidence.
func (p *pending) again() (codes.Evidence, error) {
	s := p.s
	c := p.call()
	p.retries++
	resetResults(c.opts)
	c.opts = p.finish.next(c.ctx, c.cc, c.opts)
	c.beginAttempt()
	ctx := c.attemptContext(c.ctx)
	if c.knobs.attemptTimeout > 0 {
		ctx = p.timed(ctx, s)
	} else {
		ctx, s.cancel = context.WithCancel(ctx)
	}
	s.attempt = nil // so that after a panic on the right there is no attempt to go on with
	attempt, err := p.newStream(ctx, c.watchPlace(p.ownResults(c.opts)))
	if err != nil {
		return codes.Evidence{Watched: true}, p.timer.explain(err)
	}
	s.attempt = attempt
	p.opened()
	if p.desc.ClientStreams && p.desc.ServerStreams && len(p.replay.Encoded()) > replayAtOnce {
		p.replaying = true
		go p.replayBeside(attempt, p.retries, p.replay.Clone(), c.firstMessage())
		return codes.Evidence{}, nil
	}
	if err := p.replay.SendTo(attempt, c.firstMessage()); err != nil {
		return evidenceOf(attempt), p.timer.explain(err)
	}
	return codes.Evidence{}, nil
}

// replayAtOnce is the most, in bytes, replayed before the caller may receive: no more
// than grpc takes without waiting for the server to read (its write quota is 64 KiB for
// a stream). A server that answers while reading may stop until its answers are read.
const replayAtOnce = 32 << 10

// replayBeside replays a larger buffer while the caller may receive.
func (p *pending) replayBeside(attempt grpc.ClientStream, n int, sent replay.Buffer, first any) {
	_ = sent.SendTo(attempt, first) // an error has ended the attempt: RecvMsg finds out why
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase.busy() || p.retries != n {
		return
	}
	p.replaying = false
	p.settled.Broadcast()
	p.shed()
}

// cancel ends the context of the failed attempt, if the attempt has its own.
func (p *pending) cancel() {
	s := p.s
	if s.cancel != nil {
		s.cancel()
		s.cancel, p.timer = nil, nil
	}
}

// abandon ends a failed first attempt that lives on below, because an interceptor on
// the right has failed and the context of the attempt is the caller's own.
func (p *pending) abandon() {
	s := p.s
	attempt := s.attempt
	if attempt == nil || p.retries > 0 || attempt.Context().Err() != nil {
		return
	}
	p.mu.Lock()
	busy := p.sending > 0
	if busy { // transmit ends the attempt
		p.orphan = attempt
	}
	p.mu.Unlock()
	if !busy {
		abort(attempt, p.request())
	}
}

// abort ends an attempt without a context of its own. A message after CloseSend is a
// client's error, and such an error ends a stream (see grpc.ClientStream). m is a message
// sent before, if any: interceptors on the right may know no other type.
func abort(attempt grpc.ClientStream, m any) {
	if m == nil {
		m = &emptypb.Empty{}
	}
	_ = attempt.CloseSend()
	_ = attempt.SendMsg(m)
}
