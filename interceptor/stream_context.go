package interceptor

import (
	"context"

	"google.golang.org/grpc"
)

// streamContext is the context of a stream that may still be retried: the
// caller's own, with the values of the attempt that is current, such as its peer.
// As grpc's, it ends when the stream does, but not with an attempt that is
// replaced.
type streamContext struct {
	context.Context
	stream *clientStream
	end    context.CancelFunc
}

// Value implements context.Context. It does not wait for a retry that is under
// way.
func (c *streamContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if values := c.stream.values(); values != nil {
		return values.Value(key)
	}
	return nil
}

// context returns the context of the stream, the same one each time.
func (p *pending) context() context.Context {
	s := p.s
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.givenOut == nil {
		if s.pending.Load() == nil { // it was committed meanwhile, and nobody would end the context
			return s.attempt.Context()
		}
		ctx, end := context.WithCancel(s.ctx)
		p.givenOut = &streamContext{ctx, s, end}
		if s.over.Load() != nil {
			end()
		}
	}
	return p.givenOut
}

// endWith has a context that was given out end with the attempt, which is the
// last one.
func (c *streamContext) endWith(attempt grpc.ClientStream) {
	if c != nil {
		context.AfterFunc(attempt.Context(), c.end)
	}
}

// endNow ends a context that was given out.
func (c *streamContext) endNow() {
	if c != nil {
		c.end()
	}
}

// endContext ends the context of a stream that is over.
func (p *pending) endContext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.givenOut.endNow()
}

// values returns the context of the attempt, or of the one before while there is none;
// nil if there was none.
func (s *clientStream) values() context.Context {
	p := s.pending.Load()
	if p == nil {
		return s.attempt.Context()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase.busy() || s.attempt == nil {
		return p.values
	}
	return s.attempt.Context()
}
