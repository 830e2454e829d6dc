package interceptor

import "github.com/reinvoke/reinvoke/interceptor/internal/replay"

// keep keeps a message that is about to be sent.
func (p *pending) keep(m any) replay.Unkept {
	if p.limit < 0 {
		p.limit = p.replayLimit()
	}
	return p.replay.Keep(m, p.limit, p.target.opts)
}

// replayLimit finds out how much may be kept.
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
