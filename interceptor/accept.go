package interceptor

import (
	"context"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
)

// AcceptFunc says whether a reply that arrived with the status OK is an
// answer: nil, or an error that says what it is instead. The error counts as
// if the server had sent it: one with the gRPC status UNAVAILABLE is of class
// codes.Server and is retried as that row says, RESOURCE_EXHAUSTED is Quota,
// INVALID_ARGUMENT is Request and not retried; one that is no status is Other. It
// must not change the reply, and must be safe for concurrent use.
type AcceptFunc func(method string, reply any) error

// WithAccept has f look at every reply of status OK: what it does not take is
// a failure, and is retried as the table says. The method has run by then, so
// that it is retried only if it is repeatable. A nil f accepts everything.
//
// The reply of a client stream is looked at when it arrives; a stream of
// messages only if it ends without one, with an empty message in the place of the
// reply, since what was shown cannot be taken back. Once a stream is committed f
// is not asked.
//
// If f panics the call ends with INTERNAL. If it blocks the call ends at its
// deadline; the reply is then not to be used.
func WithAccept(f AcceptFunc) CallOption {
	return newCallOption(callOption{
		name: "WithAccept", kinds: unaryCall | streams, early: true,
		apply: func(s *settings) { s.accept = f },
	})
}

// rejected is the error of an OK reply that the caller did not take.
type rejected struct{ error }

// Unwrap returns what the caller's function has said.
func (e *rejected) Unwrap() error { return e.error }

// accepts asks the caller's function about a reply. It returns nil, a
// *rejected, a *hook.Error, or *hook.AbandonedError.
func accepts(ctx context.Context, f AcceptFunc, method string, reply any) error {
	var verdict error
	if err := hook.Run(ctx, "WithAccept", func() { verdict = f(method, reply) }); err != nil {
		return err
	}
	if verdict == nil {
		return nil
	}
	return &rejected{verdict}
}

// rejection returns the failure that a rejected reply is. The server has run
// the method.
func (c *call) rejection(e *rejected, ev codes.Evidence) codes.Failure {
	ev.Watched = false // the trailer is that of a success
	f := codes.Classify(e.error, ev, c.r.rules...)
	f.Reach, f.MayHaveRun = codes.Answered, true
	if f.Class == codes.None || f.Code == grpccodes.OK {
		f.Class, f.Code = codes.Other, grpccodes.Unknown
	}
	return f
}

// hasAccept reports whether the caller looks at the answers of the stream.
func (p *pending) hasAccept() bool { return p.accept != nil }

// acceptReply asks about the only reply of a stream, as long as the stream may
// still be retried.
func (p *pending) acceptReply(m any) error {
	s := p.s
	if !s.single || !p.hasAccept() {
		return nil
	}
	p.lock()
	committed := p.phase.committed()
	p.mu.Unlock()
	if committed {
		return nil
	}
	return accepts(p.target.ctx, p.accept, p.target.method, m)
}
