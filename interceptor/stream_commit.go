package interceptor

import (
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// commit makes attempt n the last, because the caller is about to see message m or the
// header. It reports false if attempt n was replaced meanwhile: then the caller must
// see nothing of the attempt.
func (p *pending) commit(n int, m any, header metadata.MD) bool {
	committed, last, ok := p.commitLocked(n, m, header)
	if !ok {
		return false
	}
	if last { // calls the caller's functions, so not under the lock
		p.finish.commit()
	}
	if committed != nil {
		committed.tellUsage(m)
		committed.giveBack(codes.Failure{}, nil)
		committed.tellCommitted()
	}
	return true
}

// commitLocked returns a copy of the call's life at commitment, or nil if there is
// nobody to tell, and whether attempt n is the last.
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
	switch {
	case header == nil: // the first message stops the timer
		p.haltTimer()
	case p.resume == nil:
		p.timer.last()
	}
	if !p.phase.hasShown() {
		p.commitTo(showing)
		s.unkept = replay.Kept
		if p.life != nil { // the call was retried, or someone wants to know its end
			p.life.unkept = replay.Kept
			now := *p.life
			committed = &now
			p.life.noteReported()
			p.life.shown = true
			p.life.place, p.life.shade = nil, nil // now owned by committed
		}
		p.target.r.gates.Success()
		p.target.r.budget.Success() // now, since many streams are never read to the end
		p.resume.opened(s, &p.replay)
		p.leaveLife()
	}
	if header == nil {
		p.resume.delivered(m)
	}
	p.shed()
	return committed, p.resume == nil, true
}

// forgo commits the stream before anything was shown, because a retry could not repeat
// everything. reason says why.
func (p *pending) forgo(reason replay.Unkept) {
	s := p.s
	p.commitTo(blind)
	s.unkept = reason
	if hasCallOption(p.target.opts) { // the options say whether the failure would have been retried
		s.call = p.call()
	}
	if p.life != nil {
		p.life.unkept = reason
	}
	p.resume = nil
	p.haltTimer()
	p.leaveLife()
	p.shed()
}

// haltTimer stops the timer for good. An expired timer stays, to explain the end.
func (p *pending) haltTimer() {
	if !p.timer.halt() {
		p.timer = nil
	}
}

// leaveLife hands the life of the call to the stream, if there is a history or if
// someone wants to know the end, such as the gate and the breaker.
func (p *pending) leaveLife() {
	s := p.s
	if s.call == nil && p.life != nil && (len(p.life.history) > 0 || p.resume != nil || p.target.r.observer != nil || p.life.cancel != nil || p.life.results != nil || p.life.awaited()) {
		s.call = p.life
	}
}

// shed drops everything that only a retry needs, once the stream is committed and
// nothing is left to do.
func (p *pending) shed() {
	s := p.s
	if !p.phase.committed() || s.pending.Load() == nil {
		return
	}
	if p.resume == nil && !p.replaying {
		p.replay = replay.Buffer{}
	}
	if p.resume == nil && !p.replaying && p.peeked == nil && p.timer == nil && s.over.Load() == nil && !p.awaitsFirst() {
		p.givenOut.endWith(s.attempt)
		s.pending.Store(nil)
	}
}
