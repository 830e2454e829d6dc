package interceptor

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// stream is the stream interceptor. It re-invokes streams of all kinds until they are
// committed.
func (r *Retrier) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	kind := otherStream
	if desc != nil && desc.ServerStreams && !desc.ClientStreams {
		kind = serverStream
	}
	first := r.earlyOf(ctx)
	if first == attemptEarly {
		if plain, ok := isAttempt(ctx, method); ok {
			return streamer(plain, desc, cc, method, opts...)
		}
	}
	var finish *finishers
	for _, o := range opts {
		switch o := o.(type) {
		case CallOption:
			if err := r.check(ctx, o, method, kind, opts); err != nil {
				return nil, refuse(opts, err)
			}
			first = max(first, o.early())
		case grpc.OnFinishCallOption:
			finish = &finishers{}
		}
	}
	if desc == nil { // grpc itself requires a desc: leave nil to the next interceptor
		return streamer(ctx, desc, cc, method, opts...)
	}
	p := &pending{streamer: streamer, desc: desc, limit: -1, target: target{r: r, ctx: ctx, cc: cc, method: method, kind: kind, opts: opts}}
	p.settled.L = &p.mu
	if finish != nil {
		p.target.opts, finish.fns = splitOnFinish(opts)
	}
	if first >= settingsEarly {
		p.prepare()
	}
	if finish != nil {
		p.target.opts = append(p.target.opts, finish.option(p.target.ctx, cc)) //nolint:contextcheck // it is the caller's, perhaps with a deadline
		p.finish = finish
		if p.life != nil {
			p.life.opts = p.target.opts
		}
	}
	return p.open(first) //nolint:contextcheck // the stream has the context
}

// clientStream is the stream as seen by the caller. While the stream is pending, its
// attempt may be replaced. Once the stream is committed, usually because the caller was
// shown something, its methods are those of the attempt.
//
// After commitment messages pass without a lock, and what only a retry needs is dropped.
type clientStream struct {
	// attempt is guarded as [pending] says, and fixed once pending is nil. A nil attempt
	// means that the last attempt failed before it had a stream.
	attempt grpc.ClientStream
	pending atomic.Pointer[pending]
	// over holds the result of RecvMsg after the end; nil until then.
	over atomic.Pointer[terminal]

	r      *Retrier
	ctx    context.Context // the caller's own
	cc     *grpc.ClientConn
	method string
	// mu is held while a committed stream ends or gets its first reply, because a sender
	// and a receiver may both reach the end.
	mu sync.Mutex
	// call is the life of the call; nil if not needed after commitment (see leaveLife).
	// cancel ends the attempt; nil for a first attempt without a timer.
	call   *call
	cancel context.CancelFunc
	// unkept is the reason for a commitment before anything was shown, else Kept.
	unkept replay.Unkept
	single bool // the server sends one reply
}

// RecvMsg receives the next message. The first message commits the stream. Until then,
// RecvMsg retries failures.
func (s *clientStream) RecvMsg(m any) error {
	if s.pending.Load() != nil {
		return s.recvPending(m)
	}
	if over := s.over.Load(); over != nil { // grpc itself would read on after a faulty message
		return over.err
	}
	if err := s.attempt.RecvMsg(m); err != nil {
		return s.end(err)
	}
	if s.unkept != replay.Kept {
		s.firstReply()
	}
	if s.single {
		s.endSingle()
	}
	return nil
}

// recvPending is RecvMsg before commitment. Receiving blocks, so it uses the attempt
// without the lock. The outcome of an attempt that was replaced meanwhile is void.
func (s *clientStream) recvPending(m any) error {
	for {
		p := s.pending.Load()
		if p == nil {
			return s.RecvMsg(m)
		}
		if over := s.over.Load(); over != nil {
			return over.err
		}
		attempt, n := p.attempt()
		if attempt == nil {
			continue // the stream ended meanwhile
		}
		err := p.receiveFrom(attempt, m)
		if err == nil {
			err = p.acceptReply(m)
		}
		if err == nil {
			if p.commit(n, m, nil) {
				if s.single {
					s.endSingle()
				}
				return nil
			}
			continue
		}
		replaced, final := p.failed(n, err, m)
		if !replaced {
			return final
		}
	}
}

// Header returns the response header. A header commits the stream, since the caller
// has then seen part of the attempt. Until then, Header retries failures. As in grpc,
// Header returns nil for a stream that fails without a header; RecvMsg returns the error.
func (s *clientStream) Header() (metadata.MD, error) {
	for {
		p := s.pending.Load()
		if p == nil {
			return s.attempt.Header()
		}
		if md, ok := p.shownHeader(); ok {
			return md, nil
		}
		over := s.over.Load() != nil
		attempt, n := p.attempt()
		switch {
		case over && attempt == nil:
			return nil, nil
		case over:
			return attempt.Header()
		case attempt == nil:
			continue // the stream ended meanwhile
		}
		md, err := attempt.Header()
		if err == nil && md != nil {
			if p.commit(n, nil, md) {
				return md, nil
			}
			continue
		}
		if err == nil { // no header, so no message: RecvMsg returns the status
			err = p.receiveFrom(attempt, &emptypb.Empty{})
		}
		switch {
		case err == nil: // impossible in grpc itself; the message is lost, so there must be no retry
			p.commit(n, nil, metadata.MD{})
			return md, nil
		case err == io.EOF && p.hasAccept(): //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
			return nil, nil // RecvMsg has a message for the AcceptFunc
		}
		if replaced, _ := p.failed(n, err, nil); !replaced {
			return nil, nil
		}
	}
}

// Trailer returns the trailer of the last attempt; nil if the last attempt failed
// before it had a stream.
func (s *clientStream) Trailer() metadata.MD {
	p := s.pending.Load()
	if p == nil {
		return s.attempt.Trailer()
	}
	attempt, _ := p.attempt()
	if attempt == nil {
		return nil
	}
	return attempt.Trailer()
}

// Context returns the context of the call, with the values of the current attempt,
// until the stream is committed, and the context of the attempt from then on. It
// commits nothing and does not wait.
func (s *clientStream) Context() context.Context {
	if p := s.pending.Load(); p != nil {
		return p.context()
	}
	return s.attempt.Context()
}

// SendMsg sends a message and, before commitment, keeps an encoded copy for a retry:
// the caller may change the message once SendMsg has returned.
func (s *clientStream) SendMsg(m any) error {
	p := s.pending.Load()
	if p == nil {
		return s.attempt.SendMsg(m)
	}
	return p.send(m)
}

// CloseSend tells the server that nothing more follows, and a retry tells the server
// again. CloseSend may be called more than once.
func (s *clientStream) CloseSend() error {
	p := s.pending.Load()
	if p == nil {
		return s.attempt.CloseSend()
	}
	return p.closeSend()
}
