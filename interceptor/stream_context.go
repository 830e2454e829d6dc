package interceptor

import (
	"context"

	"google.golang.org/grpc"
)

// streamContext is the context of a stream that may still be retried: the caller's
// context plus the values of the current attempt, such as the peer. As in grpc, the
// context ends when the stream does, but not when an attempt is replaced.
type streamContext struct {
	context.Context
	stream *clientStream
	end    context.CancelFunc
}

// Value implements context.Context. It does not wait for a retry under way.
func (c *streamContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if values := c.stream.values(); values != nil {
		return values.Value(key)
	}
	return nil
}

// context returns the context of the stream, the same each time.
func (p *pending) context() context.Context {
	s := p.s
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.givenOut == nil {
		if s.pending.Load() == nil { // committed meanwhile: nothing would end a new context
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

// endWith makes a context given to the caller end together with the last attempt.
func (c *streamContext) endWith(attempt grpc.ClientStream) {
	if c != nil {
		context.AfterFunc(attempt.Context(), c.end)
	}
}

// endNow ends a context given to the caller.
func (c *streamContext) endNow() {
	if c != nil {
		c.end()
	}
}

// endContext ends the context when the stream is over.
func (p *pending) endContext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.givenOut.endNow()
}

// values returns the context of the current attempt, or of the previous attempt during
// a retry; nil if no attempt has had a stream.
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
