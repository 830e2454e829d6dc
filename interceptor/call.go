package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
	"github.com/reinvoke/reinvoke/policy"
)

// target is what a call is made to and with.
type target struct {
	r      *Retrier
	ctx    context.Context // the caller's own, with the deadline of the configuration
	cc     *grpc.ClientConn
	method string
	kind   kinds
	opts   []grpc.CallOption
	// request is that of a unary call.
	request any
}

// call is the life of one call, from its first failure on: the same for unary
// calls, streams and functions. It asks policy.Decide what to do and does it.
// It belongs to one goroutine at a time.
type call struct {
	target

	began        time.Time // of the first attempt; zero where no one watches
	attemptBegan time.Time // likewise, of the last one
	generation   uint64    // of the credentials that the last attempt began with

	cancel   context.CancelFunc // ends the deadline of prepare; nil without one
	resolved bool
	judged   bool // whether it is repeatable
	knobs    knobs
	// unkept says why a stream has nothing to retry with.
	unkept   replay.Unkept
	state    policy.Tally
	waited   time.Duration
	reported reported // of the waits

	// The last failure and what was decided about it.
	failure  codes.Failure
	decision policy.Decision
	err      error
	history  []Attempt
	first    [3]Attempt // where history begins

	// At the gate and the breaker (see gate_wait.go).
	waiter *gates.Waiter // nil until there is a gate
	shade  *gates.Shade  // that stands for the call in a dry run; nil if none does
	place  *place        // what the attempt holds of them; nil for nothing
	gated  time.Duration
	sent   int           // bytes that a stream has sent
	opens  time.Duration // how long until the gate opens that a retry waits for (State.AtGate)
	due    time.Time     // when the server will take the call; zero for no matter
	barred bool          // it was not let through to its first attempt

	results   *results // of the attempt of a stream, where the caller has asked for them
	over      bool     // those who watch are being told of the end
	shown     bool     // a stream has shown something of its last attempt
	resumed   bool     // or of an earlier one
	refreshed bool
	fellBack  bool
	abandoned bool // a hook may still be using the reply
	hedges    int  // attempts that began beside another one
	racing    int  // the number of the attempt in question where others run beside it, else 0
}

// beginAttempt notes what an attempt begins with, as far as anyone asks.
func (c *call) beginAttempt() {
	if c.r.observer != nil {
		c.attemptBegan = c.r.clock.Now()
		if c.began.IsZero() {
			c.began = c.attemptBegan
		}
	}
	c.generation = c.r.refresh.Generation()
}

// attempts returns how many attempts were made.
func (c *call) attempts() int {
	if c.barred {
		return 0
	}
	return c.state.Made()
}

// number returns the number of the attempt in question.
func (c *call) number() int {
	if c.racing > 0 {
		return c.state.Earlier + c.racing
	}
	return c.attempts()
}

// failed takes the error of an attempt and decides: after how long to make
// another one, or with which error to end the call, unless there is another way
// (see concede). A retry has been paid for when it returns.
func (c *call) failed(err error, ev codes.Evidence) (wait time.Duration, again bool, final error) {
	c.classify(err, &ev)
	c.decide()
	c.note()
	if c.decision.Retry {
		return c.decision.Wait, true, nil
	}
	return 0, false, c.finalError()
}

// resolve finds out, once, what applies to the call.
func (c *call) resolve() {
	if c.resolved {
		return
	}
	c.resolved = true
	c.state.Table, c.knobs = c.r.resolve(c.ctx, c.method, c.opts)
	c.state.Limits, c.state.Codes = c.knobs.Limits, c.knobs.Codes
}

// prepare resolves what has to be known before the first attempt, and does what
// of it concerns the call as a whole. Whoever asks for it calls c.release when the
// call has ended.
func (c *call) prepare() {
	c.resolve()
	if c.knobs.Timeout > 0 {
		c.ctx, c.cancel = context.WithTimeout(c.ctx, c.knobs.Timeout)
	}
	if ready := c.knobs.WaitForReady; ready != nil { // before the caller's own, which count more
		c.opts = append([]grpc.CallOption{grpc.WaitForReady(*ready)}, c.opts...)
	}
}

// release ends the deadline that the configuration has set.
func (c *call) release() {
	if c != nil && c.cancel != nil {
		c.cancel()
	}
}

// judge finds out, once, whether the method may run twice.
func (c *call) judge() {
	if c.judged {
		return
	}
	c.judged = true
	if said := c.knobs.Repeatable; said != nil {
		c.state.Repeatable, c.state.NotRepeatable = *said, !*said
		c.state.TrustUnavailable = c.knobs.trusting
		return
	}
	// Whoever wraps a function wants it called again.
	c.state.Repeatable = c.kind == function || knownRepeatable(c.method)
}

// decide asks policy.Decide, and takes the token that the retry costs.
//
//go:noinline
func (c *call) decide() {
	switch {
	case c.failure.Class == codes.Ended: // whatever else holds, this is why
	case hook.Failed(c.err):
		c.stop(policy.HookFailed)
		return
	case c.knobs.disabled:
		c.stop(policy.Disabled)
		return
	case retriedBelow(c.err):
		c.stop(policy.RetriedBelow)
		return
	}
	u := c.r.rand()
	c.decision = c.state.Decide(c.r.budget, c.failure, u)
	if c.decision.Retry && c.unkept != replay.Kept {
		c.stop(policy.Committed)
	}
	c.decision = c.state.Pay(c.r.budget, c.decision, c.failure, u)
}

// note records the failed attempt and tells those who watch.
func (c *call) note() {
	if c.history == nil {
		c.history = c.first[:0]
	}
	c.history = append(c.history, Attempt{
		Code: c.failure.Code, Class: c.failure.Class, Reach: c.failure.Reach,
		Rule: c.failure.Rule, Reason: c.failure.Reason, Wait: c.decision.Wait, Fallback: c.fellBack,
	})
	c.observeAttempt()
	if c.decision.Retry {
		c.logRetry()
	}
}

// pause waits, fetches fresh credentials if they are what is missing, and
// counts the retry that then begins. If the caller's context ends first, or the
// connection is closed, it gives the token back and returns the call's final error.
func (c *call) pause(wait time.Duration) error {
	wait, err := c.sleep(wait)
	if err != nil {
		c.waited += c.state.ElapsedAt(c.r.clock.Now()) - c.state.Elapsed
		return c.cancelled(err)
	}
	c.waited += wait
	if final := c.renew(); final != nil {
		return final
	}
	gated := c.gated
	if final := c.enter(); final != nil {
		return final
	}
	c.history[len(c.history)-1].Wait = wait + c.gated - gated
	c.count()
	return nil
}

// count counts the retry that begins. It is kept out of the frame that waits,
// because a State on the stack of every waiting call adds up.
//
//go:noinline
func (c *call) count() { c.state.Retry(c.decision) }
