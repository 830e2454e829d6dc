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

// ResumeFunc says how a server stream goes on that has failed after some of
// its messages were delivered: with the request whose answer is what is still
// missing. It reports false if the stream cannot go on. It must be safe for
// concurrent use.
type ResumeFunc func(ctx context.Context, i Interrupted) (next proto.Message, ok bool)

// Interrupted is the stream that a [ResumeFunc] is asked about. Its messages
// are copies.
type Interrupted struct {
	// Method is the full name of the method.
	Method string
	// Request is what was asked first, however often the stream was resumed.
	Request proto.Message
	// Delivered is how many messages the caller was given, those before earlier
	// interruptions included.
	Delivered int
	// Last is the last of them.
	Last proto.Message
	// All are all of them, if [KeepAll] was given; else nil.
	All []proto.Message
	// Err is the error of the server; [FailureOf] tells its class.
	Err error
}

// ResumeOption is an option of [WithResume].
type ResumeOption func(*resuming)

// KeepAll keeps all messages that a stream delivers, encoded, for
// [Interrupted.All]: as much memory as the stream has delivered.
func KeepAll() ResumeOption { return func(r *resuming) { r.all = true } }

// WithResume lets server streams go on that fail after commitment, with a
// request that f makes of what was delivered. The caller sees one stream: the
// header of the first attempt that had one, every message once, the trailer of the last. The
// failure has to be one that the table retries; the wait, the limits and the
// budget are those of a retry, and the attempts are counted anew after every
// message. Whether it is safe to ask again is for f to say: the method need not be
// repeatable. A nil f switches it off.
//
// The request has to be a protobuf message within the replay buffer (see
// [WithReplayBuffer]), and the messages protobuf messages. It costs a copy of the
// last message each, or of all with [KeepAll]. If f panics or returns a request of
// another type than the first, the stream ends with INTERNAL; if it blocks, at the
// deadline of the call.
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

// resuming is what WithResume has set.
type resuming struct {
	f   ResumeFunc
	all bool
}

// resumption is what a stream keeps to be resumed. The nil resumption keeps
// nothing.
type resumption struct {
	*resuming
	request  replay.Buffer // the first one
	header   metadata.MD   // of the first attempt that has shown something
	headed   bool
	count    int
	messages replay.Buffer // the last one, or all
	lost     bool          // a message could not be kept
}

// opened keeps what the first attempt that shows something began with.
func (r *resumption) opened(s *clientStream, sent *replay.Buffer) {
	if r == nil || r.headed {
		return
	}
	r.header, _ = s.attempt.Header() // it is there
	r.request, r.headed = sent.Clone(), true
}

// delivered keeps a message.
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

// goOn resumes the stream after err, or ends it. Attempts count from the last
// message that was delivered.
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
	if final := c.pause(wait); final != nil {
		return false, final
	}
	if ev, err = p.again(); err == nil {
		return true, nil
	}
	return p.retry(err, ev)
}

// progressed begins to count anew: the attempt that has delivered something is
// the first one.
func (c *call) progressed() {
	c.state.Restart(c.attempts() - 1)
	c.history = c.first[:0]
	c.shown, c.resumed = false, true
	c.judge()
	said := c.knobs.Repeatable
	c.state.Repeatable = said == nil || *said // the caller's function says what to ask
}

// interrupted asks the caller's function how to go on, if the failure is one
// that is retried. If there is no way the decision is that it is not. fault is what
// is wrong with the function or its answer.
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

// interruption returns what the caller's function is told.
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

// messageOf returns message n, if it is a protobuf message.
func messageOf(b *replay.Buffer, n int) (proto.Message, error) {
	kept, err := b.Message(n)
	if m, ok := kept.(proto.Message); ok {
		return m, err
	}
	return nil, errNotKept
}

// errNotKept says that what a stream would need to be resumed is not there.
var errNotKept = errors.New("interceptor: a message is no protobuf message, and was not kept")

// askNext puts the request that goes on into the place of the one before.
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

// shownHeader returns the header that the caller sees of a stream that can be
// resumed: that of the attempt which has first shown something.
func (p *pending) shownHeader() (metadata.MD, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resume == nil || !p.resume.headed {
		return nil, false
	}
	return p.resume.header, true
}
