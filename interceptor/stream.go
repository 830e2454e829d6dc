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

// stream is the stream interceptor. Streams of every kind are re-invoked until
// they are committed.
func (r *Retrier) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	kind := otherStream
	if desc != nil && desc.ServerStreams && !desc.ClientStreams {
		kind = serverStream
	}
	first := r.earlyOf(ctx)
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
	if desc == nil { // grpc itself needs one: whoever is below knows what to do
		return streamer(ctx, desc, cc, method, opts...)
	}
	p := &pending{streamer: streamer, desc: desc, limit: -1, target: target{r: r, ctx: ctx, cc: cc, method: method, kind: kind, opts: opts}}
	p.settled.L = &p.mu
	if finish != nil {
		p.target.opts, finish.fns = splitOnFinish(opts)
	}
	if first == settingsEarly {
		p.prepare()
	}
	if finish != nil {
		p.target.opts = append(p.target.opts, finish.option(p.target.ctx, cc)) //nolint:contextcheck // it is the caller's, perhaps with a deadline
		p.finish = finish
		if p.life != nil {
			p.life.opts = p.target.opts
		}
	}
	return p.open(first)
}

// clientStream is a stream as the caller sees it. While it is pending
// its attempt may be replaced; once it is committed, that is, once the caller
// has been shown something, its methods are those of the attempt.
//
// After commitment no method takes a lock, and nothing that only a retry
// would need is kept.
type clientStream struct {
	// attempt is written under pending.mu only, and fixed once pending is nil.
	// It is nil where the last attempt did not get as far as a stream.
	attempt grpc.ClientStream
	pending atomic.Pointer[pending]
	// over is what RecvMsg returns for ever after; nil until the end.
	over atomic.Pointer[terminal]

	r      *Retrier
	ctx    context.Context // the caller's own
	cc     *grpc.ClientConn
	method string
	// mu is held while a committed stream ends or has its first reply: a sender and a
	// receiver may both come to the end.
	mu sync.Mutex
	// call is the history of a stream that was retried or is observed, else
	// nil; cancel ends the attempt, unless it is the first.
	call   *call
	cancel context.CancelFunc
	// unkept says why the stream was committed though nothing was shown of it.
	unkept replay.Unkept
	single bool // it has one reply
}

// RecvMsg receives the next message. The first one commits the stream; as
// long as there is none, a failure is retried here.
func (s *clientStream) RecvMsg(m any) error {
	if s.pending.Load() != nil {
		return s.recvPending(m)
	}
	if over := s.over.Load(); over != nil { // grpc would go on to read what lies behind a faulty message
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

// recvPending is RecvMsg before commitment. The attempt is used without the
// lock, since receiving blocks; if it was replaced meanwhile, its outcome is
// void.
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
			continue // it ended meanwhile
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

// Header returns the response header. A header that there is commits the
// stream, since the caller has then seen it; a failure before it is retried
// here. As with grpc's own streams a stream that fails without header has
// none, and RecvMsg tells why.
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
			continue // it ended meanwhile
		}
		md, err := attempt.Header()
		if err == nil && md != nil {
			if p.commit(n, nil, md) {
				return md, nil
			}
			continue
		}
		if err == nil { // there is no header and so no message: this is the status
			err = p.receiveFrom(attempt, &emptypb.Empty{})
		}
		switch {
		case err == nil: // not so in grpc itself; the message is lost to us, so nothing may be retried
			p.commit(n, nil, metadata.MD{})
			return md, nil
		case err == io.EOF && p.hasAccept(): //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
			return nil, nil // RecvMsg has a message to ask about
		}
		if replaced, _ := p.failed(n, err, nil); !replaced {
			return nil, nil
		}
	}
}

// Trailer returns the trailer of the last attempt: none, if that one did not
// get as far as a stream.
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

// Context returns the context of the call until the stream is committed, with
// the values of its attempt, and that of the attempt from then on. It commits
// nothing, and does not wait.
func (s *clientStream) Context() context.Context {
	if p := s.pending.Load(); p != nil {
		return p.context()
	}
	return s.attempt.Context()
}

// SendMsg sends a message and keeps an encoded copy for a retry: the caller may
// change the message as soon as SendMsg has returned.
func (s *clientStream) SendMsg(m any) error {
	p := s.pending.Load()
	if p == nil {
		return s.attempt.SendMsg(m)
	}
	return p.send(m)
}

// CloseSend tells the server that nothing more follows. It is remembered for
// a retry, and may be called more than once.
func (s *clientStream) CloseSend() error {
	p := s.pending.Load()
	if p == nil {
		return s.attempt.CloseSend()
	}
	return p.closeSend()
}
