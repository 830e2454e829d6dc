package interceptor

import (
	"context"

	"google.golang.org/grpc"
)

// streamContext is the context of a stream that may still be retried: the
// caller's own, which alone says when the stream ends, with the values of the
// attempt that is current, such as its peer.
type streamContext struct {
	context.Context
	stream *clientStream
}

// Value implements context.Context. It does not wait for a retry that is under
// way.
func (c *streamContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if attempt := c.stream.current(); attempt != nil {
		return attempt.Context().Value(key)
	}
	return nil
}

// current returns the attempt of the stream; nil while there is none, or while
// it is being replaced.
func (s *clientStream) current() grpc.ClientStream {
	p := s.pending.Load()
	if p == nil {
		return s.attempt
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retrying {
		return nil
	}
	return s.attempt
}
