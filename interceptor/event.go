package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Observer is called at the end of every attempt and of every call, for example to
// build logs, metrics or traces. ctx is the context of the call. An Observer must not
// use the stream of the event. A stream that the caller reads neither to its end nor to
// an error has no event for its end.
type Observer func(ctx context.Context, e Event)

// Event tells an [Observer] about the end of an attempt or of a call. Only Err holds a
// message of the server.
//
// A stream that has shown something to the caller has had a successful attempt; only
// the event of the call tells of a later failure. If the caller ends the call during a
// wait, the outcome is [Ended], and Failure is the failure that caused the wait.
type Event struct {
	// Method is the full name of the method, or the name given to Do.
	Method string
	// Target is the canonical name of the connection's target, as returned by
	// grpc.ClientConn.CanonicalTarget; the host for REST, empty for Do.
	Target string
	// Static is true if the method belongs to a fixed set, and is therefore fit for a
	// metric label: a method of generated code (grpc.StaticMethod), or a name given to
	// Do.
	Static bool
	// Stream is true for a stream.
	Stream bool
	// Outcome is how the call ended, or [Pending] in the event of an attempt.
	Outcome Outcome
	// Attempt is the number of the attempt, counted from 1; for a call, the number of
	// attempts.
	Attempt int
	// Err is the error of the attempt, or of the whole call; nil for a success.
	Err error
	// Failure is the classification of the failed attempt; for a call, of its last
	// failed attempt; zero if nothing failed.
	Failure codes.Failure
	// Decision is the decision after the attempt; for a call, after its last attempt.
	Decision policy.Decision
	// At is when the attempt or the call ended, by the clock of the Retrier.
	At time.Time
	// Took is the duration of the attempt or of the whole call. An attempt of a stream
	// ends with its first message or its failure.
	Took time.Duration
	// Wait is the wait before this attempt, and AtGate the part of Wait at a gate. For
	// a call, Wait is the wait during which the call ended, if any.
	Wait, AtGate time.Duration
	// Waited is the total wait before and between the attempts so far, and Gated the
	// part of Waited at a gate (see [WithGate]).
	Waited, Gated time.Duration
	// TargetName is the Name of the [Target] of the attempt, or of the last attempt of a
	// call; empty for the call as it is.
	TargetName string
	// Fallback is true for an attempt with the request of [WithFallback], and for a
	// call that fell back.
	Fallback bool
	// Hedges is how many of the attempts so far began beside another attempt (see
	// [WithHedge]).
	Hedges int
}

// Outcome is how a call ended.
type Outcome uint8

// The outcomes.
const (
	// Pending: the call goes on; the event is about an attempt.
	Pending Outcome = iota
	// FirstTry: the first attempt succeeded.
	FirstTry
	// Recovered: a retry succeeded.
	Recovered
	// Exhausted: the call failed after retries, also if a retry had recovered it
	// before.
	Exhausted
	// NotRetried: the call failed and was not retried.
	NotRetried
	// Ended: the caller ended the call.
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

// both returns an Observer that calls first, then second.
func both(first, second Observer) Observer {
	return func(ctx context.Context, e Event) {
		first(ctx, e)
		second(ctx, e)
	}
}

// event returns the fields that every event of the call has.
func (c *call) event() Event {
	e := Event{
		At:     c.r.clock.Now(),
		Method: c.method, Static: c.kind == function, Stream: c.kind&streams != 0 || (c.info != nil && c.info.Stream), Attempt: c.attempts(),
		Decision: policy.Decision{Why: policy.Success}, Wait: c.waited - c.reported.waited, AtGate: c.gated - c.reported.gated,
		Waited: c.waited, Gated: c.gated, Fallback: c.fellBack, Hedges: c.hedges,
	}
	c.noteReported()
	e.Target, e.TargetName = c.to(), c.name
	for _, o := range c.opts {
		if _, ok := o.(grpc.StaticMethodCallOption); ok {
			e.Static = true
		}
	}
	return e
}

// since sets Took, given the start of the attempt or the call.
func (e *Event) since(began time.Time) { e.Took = e.At.Sub(began) }

// reported is the part of the waits that earlier events have reported.
type reported struct{ waited, gated time.Duration }

// noteReported marks the waits so far as reported.
func (c *call) noteReported() { c.reported = reported{c.waited, c.gated} }

// observeAttempt reports a failed attempt. For a committed stream the event of the call
// reports the failure instead.
func (c *call) observeAttempt() {
	if c.r.observer == nil || c.shown {
		return
	}
	e := c.event()
	e.Attempt, e.Err, e.Failure, e.Decision = c.number(), c.err, c.failure, c.decision
	e.since(c.attemptBegan)
	c.r.observer(c.ctx, e)
}

// observeSuccess reports the success of the last attempt and of the call.
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

// observeOutcome reports the success of the call.
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

// observeCommitted reports the success of a stream's attempt that has shown something.
func (c *call) observeCommitted() {
	if c.r.observer == nil {
		return
	}
	e := c.event()
	e.since(c.attemptBegan)
	c.r.observer(c.ctx, e)
}

// observeEnd reports the failure of the call.
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
