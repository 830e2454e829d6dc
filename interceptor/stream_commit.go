package interceptor

import (
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// commit makes attempt n the last one, because the caller is about to be
// shown something of it: message m, or its header. It reports false if it was
// replaced meanwhile, in which case the caller must not be shown anything of it.
func (p *pending) commit(n int, m any, header metadata.MD) bool {
	committed, last, ok := p.commitLocked(n, m, header)
	if !ok {
		return false
	}
	if last { // these call the caller's functions, and so without the lock
		p.finish.commit()
	}
	if committed != nil {
		committed.giveBack(codes.Failure{}, nil)
		committed.tellCommitted()
	}
	return true
}

// commitLocked returns the life of the call as it is at commitment, if there
// is someone to be told, and whether no further attempt can follow.
func (p *pending) commitLocked(n int, m any, header metadata.MD) (committed *call, last, ok bool) {
	s := p.s
	p.lock()
	defer p.mu.Unlock()
	if p.retries != n {
		return nil, false, false
	}
	if s.pending.Load() == nil {
		return nil, true, true
	}
	if header == nil { // the first message stops the timer
		p.timer.halt()
		p.timer = nil
	}
	if !p.phase.hasShown() {
		p.commitTo(showing)
		s.unkept = replay.Kept
		if p.life != nil { // it was retried, or someone wants to know how it ends
			p.life.unkept = replay.Kept
			now := *p.life
			committed = &now
			p.life.noteReported()
			p.life.shown = true
			p.life.place, p.life.shade = nil, nil // they are committed's now
		}
		p.target.r.gates.Success()
		p.target.r.budget.Success() // now: many a stream is never read to its end
		p.resume.opened(s, &p.replay)
		p.leaveLife()
	}
	if header == nil {
		p.resume.delivered(m)
	}
	p.shed()
	return committed, p.resume == nil, true
}

// forgo commits the stream because there is nothing, or no longer all, to
// retry it with.
func (p *pending) forgo(reason replay.Unkept) {
	s := p.s
	p.commitTo(blind)
	s.unkept = reason
	if hasCallOption(p.target.opts) { // which say whether the failure would have been retried
		s.call = p.call()
	}
	if p.life != nil {
		p.life.unkept = reason
	}
	p.resume = nil
	p.timer.halt()
	p.timer = nil
	p.leaveLife()
	p.shed()
}

// leaveLife leaves the life of the call to the stream, if it has a history or
// someone wants to know how it ends: the gate and the breaker among others.
func (p *pending) leaveLife() {
	s := p.s
	if s.call == nil && p.life != nil && (len(p.life.history) > 0 || p.resume != nil || p.target.r.observer != nil || p.life.cancel != nil || p.life.results != nil || p.life.awaited()) {
		s.call = p.life
	}
}

// shed drops everything that only a retry needs, once the stream is committed
// and nothing has to be done any more.
func (p *pending) shed() {
	s := p.s
	if !p.phase.committed() || s.pending.Load() == nil {
		return
	}
	if p.resume == nil && !p.replaying {
		p.replay = replay.Buffer{}
	}
	if p.resume == nil && !p.replaying && p.peeked == nil && p.timer == nil && s.over.Load() == nil {
		p.givenOut.endWith(s.attempt)
		s.pending.Store(nil)
	}
}
