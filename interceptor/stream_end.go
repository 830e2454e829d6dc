package interceptor

import (
	"io"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// terminal holds what RecvMsg returns after the end of a stream.
type terminal struct{ err error }

// end handles the end of a committed stream: io.EOF, or a failure without a retry.
func (s *clientStream) end(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if over := s.over.Load(); over != nil {
		return over.err
	}
	if s.unkept != replay.Kept {
		err = truth(s.ctx, s.attempt, err)
	}
	s.call.deliverFrom(s.attempt)
	final := err
	defer func() { // also if a hook panics
		s.finish(final)
		s.call.release()
		s.call.quit()
		if p := s.pending.Load(); p != nil {
			p.endContext()
		}
	}()
	switch {
	case s.call != nil:
		final = s.call.endStream(err, s.attempt)
	case err != io.EOF: //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
		s.call = &call{
			target: target{r: s.r, ctx: s.ctx, cc: s.cc, method: s.method, kind: serverStream}, shown: s.unkept == replay.Kept, unkept: s.unkept,
		}
		final = s.call.endStream(err, s.attempt)
	case s.unkept != replay.Kept: // otherwise the first message has counted as success
		s.r.budget.Success()
		s.r.gates.Success()
	}
	return final
}

// firstReply records the first reply of a stream that was committed before it.
func (s *clientStream) firstReply() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Load() != nil {
		return
	}
	s.unkept = replay.Kept
	s.r.budget.Success()
	s.r.gates.Success()
	if c := s.call; c != nil {
		c.giveBack(codes.Failure{}, nil)
		c.unkept = replay.Kept
		c.tellCommitted()
		c.shown = true
	}
}

// endSingle ends a stream after its only reply.
func (s *clientStream) endSingle() {
	if s.over.Load() == nil {
		_ = s.end(io.EOF)
	}
}

// finish makes final the result of every later RecvMsg, and ends the attempt.
func (s *clientStream) finish(final error) {
	s.over.Store(&terminal{final})
	if s.cancel != nil {
		s.cancel()
	}
}
