package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Observer is told of every attempt when it has ended, and of every call when
// it has: logs, metrics and traces can be built on it. ctx is the call's own.
// It must not use the stream that it is told of. A stream that the caller
// neither reads to its end nor to an error has no event of its end.
type Observer func(ctx context.Context, e Event)

// Event is what an [Observer] is told. It holds no message of the server
// except in Err.
//
// A stream whose caller has been shown something has had a successful
// attempt; if it fails later, the event of the call alone tells. A caller that
// ends the call during a wait gives the outcome [Ended], beside the failure
// that was waited for.
type Event struct {
	// Method is the full name of the method, or the name given to Do.
	Method string
	// Target is the canonical name of what the connection was made to, as
	// grpc.ClientConn.CanonicalTarget returns it; empty for a function of Do.
	Target string
	// Static says that the method is one of a fixed set, so that it may be a metric
	// label: generated code says so (grpc.StaticMethod). The names given to Do
	// count as such.
	Static bool
	// Stream says that it is a stream.
	Stream bool
	// Outcome is how the call ended, or [Pending] in the event of an attempt.
	Outcome Outcome
	// Attempt is the number of the attempt, counted from 1; in the event of a
	// call, how many there were.
	Attempt int
	// Err is the error of the attempt, or what the call returned; nil for a
	// success.
	Err error
	// Failure is the classification of the attempt that failed; in the event
	// of a call, of the last one that did. Otherwise it is zero, and says
	// nothing.
	Failure codes.Failure
	// Decision is what was decided after the attempt, or after the last one.
	Decision policy.Decision
	// At is when the attempt or the call ended, by the clock of the Retrier.
	At time.Time
	// Took is how long the attempt took, or the whole call. The attempt of a
	// stream ends when its first message arrives or it fails.
	Took time.Duration
	// Wait is how long the call has waited for this attempt, and AtGate how much of
	// that at a gate; in the event of a call, how long it was waiting when it
	// ended.
	Wait, AtGate time.Duration
	// Waited is how long the call has waited before and between its attempts so
	// far, and Gated how much of that at a gate (see [WithGate]).
	Waited, Gated time.Duration
	// Fallback says that the attempt was made with the request of
	// [WithFallback]; in the event of a call, that it fell back.
	Fallback bool
	// Hedges is how many of the attempts so far began beside another one (see
	// [WithHedge]).
	Hedges int
}

// Outcome is how a call ended.
type Outcome uint8

// The outcomes.
const (
	// Pending: the call goes on; the event is that of an attempt.
	Pending Outcome = iota
	// FirstTry: the first attempt succeeded.
	FirstTry
	// Recovered: a retry succeeded.
	Recovered
	// Exhausted: it failed after retries, or after it had recovered from a
	// failure by them.
	Exhausted
	// NotRetried: it failed and was not retried.
	NotRetried
	// Ended: the caller ended it.
	Ended
)

// String returns the name as metrics spell it.
func (o Outcome) String() string {
	switch o {
	case Pending:
		return "pending"
	case FirstTry:
		return "first-try"
	case Recovered:
		return "recovered"
	case Exhausted:
		return "exhausted"
	case NotRetried:
		return "not-retried"
	case Ended:
		return "ended"
	}
	return "unknown"
}

// MarshalText returns the name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// both tells two observers.
func both(first, second Observer) Observer {
	return func(ctx context.Context, e Event) {
		first(ctx, e)
		second(ctx, e)
	}
}

// event returns what every event of the call tells.
func (c *call) event() Event {
	e := Event{
		At:     c.r.clock.Now(),
		Method: c.method, Static: c.kind == function, Stream: c.kind&streams != 0, Attempt: c.attempts(),
		Decision: policy.Decision{Why: policy.Success}, Wait: c.waited - c.reported.waited, AtGate: c.gated - c.reported.gated,
		Waited: c.waited, Gated: c.gated, Fallback: c.fellBack, Hedges: c.hedges,
	}
	c.noteReported()
	if c.cc != nil {
		e.Target = c.cc.CanonicalTarget()
	}
	for _, o := range c.opts {
		if _, ok := o.(grpc.StaticMethodCallOption); ok {
			e.Static = true
		}
	}
	return e
}

// since says when what has ended began.
func (e *Event) since(began time.Time) { e.Took = e.At.Sub(began) }

// reported is what earlier events have told of the waits.
type reported struct{ waited, gated time.Duration }

// noteReported notes that the waits so far have been told.
func (c *call) noteReported() { c.reported = reported{c.waited, c.gated} }

// observeAttempt tells of an attempt that failed. What happens to a stream
// after it was committed is told in the event of the call.
func (c *call) observeAttempt() {
	if c.r.observer == nil || c.shown {
		return
	}
	e := c.event()
	e.Attempt, e.Err, e.Failure, e.Decision = c.number(), c.err, c.failure, c.decision
	e.since(c.attemptBegan)
	c.r.observer(c.ctx, e)
}

// observeSuccess tells of the last attempt and of the call, which succeeded.
func (c *call) observeSuccess() {
	if c.r.observer == nil {
		return
	}
	if !c.shown {
		e := c.event()
		e.Attempt = c.number()
		e.since(c.attemptBegan)
		c.r.observer(c.ctx, e)
	}
	if c.attempts() == 1 {
		c.observeOutcome(FirstTry)
	} else {
		c.observeOutcome(Recovered)
	}
}

// observeOutcome tells of the call, which succeeded.
func (c *call) observeOutcome(o Outcome) {
	if c.r.observer == nil {
		return
	}
	e := c.event()
	e.Outcome = o
	e.since(c.began)
	if o == Recovered {
		e.Failure = c.failure
	}
	c.r.observer(c.ctx, e)
}

// observeCommitted tells of an attempt that has shown something.
func (c *call) observeCommitted() {
	if c.r.observer == nil {
		return
	}
	e := c.event()
	e.since(c.attemptBegan)
	c.r.observer(c.ctx, e)
}

// observeEnd tells of the call, which failed.
func (c *call) observeEnd(final error) {
	if c.r.observer == nil {
		return
	}
	e := c.event()
	e.Err, e.Failure, e.Decision, e.Outcome = final, c.failure, c.decision, c.outcome()
	e.since(c.began)
	c.r.observer(c.ctx, e)
}

// outcome returns how a failed call ended.
func (c *call) outcome() Outcome {
	switch {
	case c.decision.Why == policy.CallerEnded:
		return Ended
	case c.attempts() > 1:
		return Exhausted
	}
	return NotRetried
}
