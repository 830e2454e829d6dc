package interceptor

import (
	"context"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
)

// AcceptFunc judges a reply with the status OK: nil accepts the reply, an error rejects
// the reply and says why. The error counts as if sent by the server. An error with the
// gRPC status UNAVAILABLE is of class codes.Server and retried as that row of the table
// says; RESOURCE_EXHAUSTED is Quota; INVALID_ARGUMENT is Request and not retried; an
// error without a status is Other. An AcceptFunc must not change the reply, and must be
// safe for concurrent use.
type AcceptFunc func(method string, reply any) error

// WithAccept has f judge every reply of status OK. A rejected reply is a failure, and
// is retried as the table says, but only for a repeatable method, because the method
// has run. A nil f accepts everything.
//
// The reply of a client stream is judged on arrival. A stream of messages is judged
// only if it ends without a message, with an empty message as the reply, because shown
// messages cannot be taken back. A committed stream is not judged.
//
// If f panics, the call ends with INTERNAL. If f blocks, the call ends at its deadline,
// and the reply must not be used.
func WithAccept(f AcceptFunc) CallOption {
	return newCallOption(callOption{
		name: "WithAccept", kinds: unaryCall | streams, early: true,
		apply: func(s *settings) { s.accept = f },
	})
}

// rejected is the error of a rejected OK reply.
type rejected struct{ error }

// Unwrap returns the error of the AcceptFunc.
func (e *rejected) Unwrap() error { return e.error }

// accepts has f judge a reply. It returns nil, a *rejected, a *hook.Error or a
// *hook.AbandonedError.
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

// rejection classifies a rejected reply. The server has run the method.
func (c *call) rejection(e *rejected, ev codes.Evidence) codes.Failure {
	ev.Watched = false // the trailer belongs to a success
	f := codes.Classify(e.error, ev, c.r.rules...)
	f.Reach, f.MayHaveRun = codes.Answered, true
	if f.Class == codes.None || f.Code == grpccodes.OK {
		f.Class, f.Code = codes.Other, grpccodes.Unknown
	}
	return f
}

// hasAccept reports whether the stream has an AcceptFunc.
func (p *pending) hasAccept() bool { return p.accept != nil }

// acceptReply has the only reply of a stream judged, as long as the stream may still be
// retried.
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
