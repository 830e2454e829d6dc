package interceptor

import (
	"context"
	"errors"
	"math"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
	"github.com/reinvoke/reinvoke/policy"
)

// ResumeFunc says how to continue a server stream that failed after some messages were
// delivered: next is the request for the missing rest. It reports false if the stream
// cannot continue. It must be safe for concurrent use.
type ResumeFunc func(ctx context.Context, i Interrupted) (next proto.Message, ok bool)

// Interrupted describes the failed stream to a [ResumeFunc]. The messages are copies.
type Interrupted struct {
	// Method is the full name of the method.
	Method string
	// Request is the first request, however often the stream was resumed.
	Request proto.Message
	// Delivered is the number of messages given to the caller, including those before
	// earlier interruptions.
	Delivered int
	// Last is the last message delivered.
	Last proto.Message
	// All holds all messages delivered, if [KeepAll] was given; else nil.
	All []proto.Message
	// Err is the server's error; [FailureOf] tells the class.
	Err error
}

// ResumeOption is an option of [WithResume].
type ResumeOption func(*resuming)

// KeepAll keeps all messages that a stream delivers, encoded, for [Interrupted.All]: as
// much memory as the stream has delivered.
func KeepAll() ResumeOption { return func(r *resuming) { r.all = true } }

// WithResume continues server streams that fail after commitment, with a request made by f
// from the messages delivered. The caller sees one stream: the header of the first attempt
// with a header, every message once, the trailer of the last attempt. The table has to retry
// the failure. The wait, the limits and the budget are those of a retry, and attempts count
// anew after every message. f decides whether asking again is safe: the method need not be
// repeatable. A nil f switches resuming off.
//
// The request has to be a protobuf message within the replay buffer (see
// [WithReplayBuffer]), and the messages have to be protobuf messages. Every message is
// copied: only the last copy is kept, or all copies with [KeepAll]. If f panics or returns
// a request of another type than the first, the stream ends with INTERNAL. If f blocks,
// the stream ends at the deadline of the call.
func WithResume(f ResumeFunc, opts ...ResumeOption) CallOption {
	var r *resuming
	if f != nil {
		r = &resuming{f: f}
		for _, o := range opts {
			o(r)
		}
	}
	return newCallOption(callOption{
		name: resumeName, kinds: serverStream, early: true,
		apply: func(s *settings) { s.resume = r },
	})
}

const resumeName = "WithResume"

// resuming holds the arguments of WithResume.
type resuming struct {
	f   ResumeFunc
	all bool
}

// warnOfResume warns, once, of WithResume for a bidirectional stream: the messages of the
// caller do not fit into a single request.
func (r *Retrier) warnOfResume(c *call) {
	if len(r.logs.to) > 0 && r.warnedOfResume.CompareAndSwap(false, true) {
		c.logResume()
	}
}

// resumption is what a stream keeps in order to be resumed. The nil resumption keeps
// nothing.
type resumption struct {
	*resuming
	request  replay.Buffer // the first
	header   metadata.MD   // of the first attempt shown to the caller
	headed   bool
	count    int
	messages replay.Buffer // the last, or all
	lost     bool          // a message could not be kept
}

// opened keeps the request and the header of the first attempt shown to the caller.
func (r *resumption) opened(s *clientStream, sent *replay.Buffer) {
	if r == nil || r.headed {
		return
	}
	r.header, _ = s.attempt.Header() // already received
	r.request, r.headed = sent.Clone(), true
}

// delivered counts a message and keeps a copy.
func (r *resumption) delivered(m any) {
	if r == nil {
		return
	}
	r.count++
	if !r.all {
		r.messages.Clear()
	}
	if _, ok := m.(proto.Message); !ok || r.messages.Keep(m, math.MaxInt, nil) != replay.Kept {
		r.lost = true
	}
}

// goOn resumes the stream after err, or ends the stream. Attempts count from the last
// message delivered.
func (p *pending) goOn(err error, ev codes.Evidence) (ok bool, final error) {
	c := p.call()
	c.progressed()
	p.cancel()
	c.classify(err, &ev)
	c.decide()
	wait, fault := p.interrupted(c)
	c.note()
	switch {
	case fault != nil:
		return false, c.hookFailed(fault)
	case !c.decision.Retry:
		final := c.finalError()
		c.ended(final)
		return false, final
	}
	p.abandon()
	if c.route != nil {
		c.route.setRequest(p.request())
	}
	if final := c.pause(wait); final != nil {
		return false, final
	}
	if ev, err = p.again(); err == nil {
		return true, nil
	}
	return p.retry(err, ev)
}

// progressed restarts the counts: the attempt that delivered something is the first.
func (c *call) progressed() {
	c.state.Restart(c.attempts() - 1)
	c.history = c.first[:0]
	c.shown, c.resumed = false, true
	if c.route != nil {
		c.route.stay()
	}
	c.judge()
	said := c.knobs.Repeatable
	c.state.Repeatable = said == nil || *said // the ResumeFunc decides what to ask
}

// interrupted asks the ResumeFunc how to go on, if the decision is to retry. If there is
// no way, the decision becomes not to retry. fault is what is wrong with the function or
// the answer.
func (p *pending) interrupted(c *call) (wait time.Duration, fault error) {
	if !c.decision.Retry {
		return 0, nil
	}
	r, wait := p.resume, c.decision.Wait
	var next proto.Message
	goesOn := false
	i, err := r.interruption(c)
	if err == nil {
		f, ctx := r.f, c.ctx
		fault = hook.Run(ctx, resumeName, func() { next, goesOn = f(ctx, i) })
	}
	if fault == nil && goesOn {
		if fault = p.askNext(i.Request, next); fault == nil {
			return wait, nil
		}
	}
	c.returnToken()
	c.stop(policy.Committed)
	return 0, fault
}

// interruption returns the argument of the ResumeFunc.
func (r *resumption) interruption(c *call) (Interrupted, error) {
	i := Interrupted{Method: c.method, Delivered: r.count, Err: c.err}
	if r.lost || r.request.Len() == 0 {
		return i, errNotKept
	}
	var err error
	if i.Request, err = messageOf(&r.request, 0); err != nil {
		return i, err
	}
	for n := range r.messages.Len() {
		if i.Last, err = messageOf(&r.messages, n); err != nil {
			return i, err
		}
		if r.all {
			i.All = append(i.All, i.Last)
		}
	}
	return i, nil
}

// messageOf decodes message n. It fails if the message is not a protobuf message.
func messageOf(b *replay.Buffer, n int) (proto.Message, error) {
	kept, err := b.Message(n)
	if m, ok := kept.(proto.Message); ok {
		return m, err
	}
	return nil, errNotKept
}

// errNotKept says that a message needed for resuming was not kept.
var errNotKept = errors.New("interceptor: a message is no protobuf message, and was not kept")

// askNext replaces the request of the previous attempt by next.
func (p *pending) askNext(request, next proto.Message) error {
	text := wrongType(request, next)
	if text == "" {
		if err := p.replay.Replace(next); err != nil {
			text = "got a request that cannot be encoded: " + err.Error()
		}
	}
	if text == "" {
		return nil
	}
	return &hook.Error{Option: resumeName, Text: text}
}

// shownHeader returns the header shown to the caller of a stream that can be resumed:
// the header of the first attempt that showed something.
func (p *pending) shownHeader() (metadata.MD, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resume == nil || !p.resume.headed {
		return nil, false
	}
	return p.resume.header, true
}
