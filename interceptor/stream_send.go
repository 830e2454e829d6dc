package interceptor

import (
	"io"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// send keeps the message and sends it on the current attempt. A broken attempt is not
// the caller's error while a retry is possible.
//
// send uses the attempt without the lock, since sending may block until the server
// reads, and the server may answer first. If the attempt is replaced meanwhile, the
// retry has replayed the message.
func (p *pending) send(m any) error {
	to := p.prepareToSend(m)
	attempt, n := to.attempt, to.n
	if to.cannot != nil {
		replaced, final := p.failed(n, to.cannot, nil)
		if replaced {
			return nil
		}
		abort(attempt, m) // nothing was wrong with the attempt below
		return final
	}
	m = to.m
	switch {
	case attempt == nil:
		return to.over
	case to.direct:
		err := attempt.SendMsg(m)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hasSent(err)
		return err
	}
	err := p.transmit(attempt, n, m)
	switch err {
	case nil:
		return nil
	case io.EOF: //nolint:errorlint // grpc returns io.EOF itself
		if p.desc.ClientStreams {
			return p.broken(attempt, n)
		}
		return nil // RecvMsg finds out why
	}
	// The client may have caused the error, for example with a message that is too
	// large. Or the server did not process the attempt, and the attempt that grpc made
	// in its place has failed. The classification tells.
	replaced, final := p.failed(n, err, nil)
	if replaced {
		return nil
	}
	return final
}

// sending says how a message is to be sent.
type sending struct {
	m       any // the message, or another for the target of the attempt
	attempt grpc.ClientStream
	n       int // of the attempt
	// direct says that grpc alone handles the message: the stream is committed or has ended,
	// or the caller sends a message after the last.
	direct bool
	over   error  // what SendMsg returns after the end of a stream without an attempt
	cannot error  // why the message cannot go to the target of the attempt
	first  bool   // the first message of the stream, and its cost counts
	size   int    // of the first message, in bytes, as far as kept
	held   *place // of the attempt; nil for none
}

// prepareToSend keeps the message, and returns how to send it.
func (p *pending) prepareToSend(m any) sending {
	to, reason := p.keepToSend(m)
	if reason != replay.Kept {
		p.finish.commit()
	}
	if !to.first {
		return to
	}
	if end := p.count(&to, p.target.costOf(m, to.size)); end != nil {
		return sending{over: p.sendAfter(end)}
	}
	return to
}

// keepToSend is prepareToSend under the lock. reason says why the message was not kept.
func (p *pending) keepToSend(m any) (to sending, reason replay.Unkept) {
	p.lockToSend()
	defer p.mu.Unlock()
	to = sending{m: m, attempt: p.s.attempt, n: p.retries}
	if end := p.s.over.Load(); end != nil {
		to.direct, to.over = true, p.sendAfter(end)
		return to, replay.Kept
	}
	if p.life != nil {
		to.held = p.life.place // which is the receiver's once the stream is committed
	}
	reason = replay.Kept
	switch {
	case p.phase.committed():
		to.held = nil
	case p.replay.Closed || (p.replay.Len() > 0 && !p.desc.ClientStreams):
		reason = replay.ToldBroken
	default:
		reason = p.keep(m)
	}
	switch {
	case reason != replay.Kept:
		p.forgo(reason)
	case p.desc.ClientStreams:
		p.timer.pause()
	}
	to.first, to.size = !p.begun && p.costs(to.held), len(p.replay.Encoded())
	to.direct = p.phase.committed()
	to.m, to.cannot = p.forTarget(m)
	return to, reason
}

// keep adds a message to the replay buffer.
func (p *pending) keep(m any) replay.Unkept {
	if p.limit < 0 {
		p.limit = p.replayLimit()
	}
	return p.replay.Keep(m, p.limit, p.target.opts)
}

// replayLimit returns the limit of the replay buffer, in bytes.
func (p *pending) replayLimit() int {
	t := &p.target
	switch {
	case p.life != nil && p.life.resolved:
		return p.life.knobs.replay
	case len(t.r.methods) == 0 && len(fromContext(t.ctx)) == 0 && !hasCallOption(t.opts):
		return t.r.base.replay
	}
	_, k := t.r.resolve(t.ctx, t.method, t.opts)
	return k.replay
}

// lockToSend takes the lock once no retry or replay is under way: replayed messages go first.
func (p *pending) lockToSend() {
	p.lock()
	for p.phase.busy() || p.replaying { // in this order, since a busy retry owns replaying
		p.settled.Wait()
	}
}

// sendAfter returns the result of SendMsg after the end of a stream whose last attempt
// failed before it had a stream: io.EOF if the client streams, as in grpc, where RecvMsg
// returns the error; otherwise the error.
func (p *pending) sendAfter(end *terminal) error {
	if p.desc.ClientStreams {
		return io.EOF
	}
	return end.err
}

// transmit sends m on attempt n, unless a retry replaces the attempt and replays m. It
// ends an attempt that was abandoned during the send.
func (p *pending) transmit(attempt grpc.ClientStream, n int, m any) error {
	p.mu.Lock()
	if p.phase.busy() || p.retries != n {
		p.mu.Unlock()
		return nil
	}
	p.sending++
	p.mu.Unlock()
	err := attempt.SendMsg(m)
	p.mu.Lock()
	p.sending--
	orphan := p.orphan == attempt
	switch {
	case orphan:
		p.orphan = nil
	case !p.phase.busy() && p.retries == n:
		p.hasSent(err)
	}
	p.mu.Unlock()
	if orphan {
		abort(attempt, m)
	}
	return err
}

// hasSent starts the timer after a message of a bidirectional stream, because the server may
// answer. The lock is held.
func (p *pending) hasSent(err error) {
	if err == nil && p.desc.ClientStreams && p.desc.ServerStreams {
		p.timer.start()
	}
}

// closeSend closes the sending side of the current attempt.
func (p *pending) closeSend() error {
	s := p.s
	p.lockToSend()
	defer p.mu.Unlock()
	switch {
	case s.attempt == nil:
		return nil
	case s.over.Load() != nil:
		return s.attempt.CloseSend()
	}
	committed := p.phase.committed()
	if !committed {
		p.replay.Closed = true
	}
	err := s.attempt.CloseSend()
	if p.desc.ClientStreams {
		p.timer.start()
	}
	if !committed {
		return nil // if the attempt is broken, RecvMsg finds out why
	}
	return err
}
