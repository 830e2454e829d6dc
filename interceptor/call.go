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

// target is the destination and the arguments of a call.
type target struct {
	r      *Retrier
	ctx    context.Context // of the caller, with the configured deadline
	cc     *grpc.ClientConn
	method string
	kind   kinds
	opts   []grpc.CallOption
	// request is the request of a unary call, or of Invoke; reply is to be filled by a unary
	// call.
	request, reply any
	// info describes a call of Invoke; nil for others.
	info *CallInfo
	// name and conn are those of the target that the call goes to (see route.go); nil for
	// the call as it is, and for a target behind the same connection.
	name string
	conn grpc.ClientConnInterface
}

// to returns the canonical name of the server, or an empty string if unknown.
func (t *target) to() string {
	switch {
	case t.cc != nil:
		return t.cc.CanonicalTarget()
	case t.conn != nil:
		return t.name
	case t.info != nil:
		return t.info.Target
	}
	return ""
}

// call is the state of one call from its first failure on, for unary calls, streams and
// functions alike. Its methods ask policy.Decide what to do, and do it. A call belongs
// to one goroutine at a time.
type call struct {
	target

	began        time.Time // start of the first attempt; zero without an observer
	attemptBegan time.Time // start of the last attempt; zero without an observer
	generation   uint64    // of the credentials at the start of the last attempt

	cancel   context.CancelFunc // releases the deadline set by prepare; nil for none
	resolved bool
	judged   bool // judge has run
	knobs    knobs
	// unkept says why a stream cannot be sent again.
	unkept   replay.Unkept
	state    policy.Tally
	waited   time.Duration
	reported reported // waits told in events

	// The last failure, and the decision about it.
	failure  codes.Failure
	decision policy.Decision
	err      error
	history  []Attempt
	first    [3]Attempt // backs a short history

	// At the gate and the breaker (see gate_wait.go).
	waiter *gates.Waiter // nil before the first gate
	shade  *gates.Shade  // stands for the call in a dry run; nil for none
	place  *place        // what the attempt holds there; nil for nothing
	gated  time.Duration
	sent   int           // bytes sent on a stream
	takes  *policy.Cost  // what the first message of a stream takes; nil if unknown
	opens  time.Duration // time until the gate opens for the retry (State.AtGate)
	due    time.Time     // end of the delay asked by the server; zero for none
	barred bool          // the gate let no attempt through
	route  *route        // nil for a call without targets

	results   *results // header, trailer and peer of a stream's attempt, if the caller asked
	over      bool     // the end is being reported
	shown     bool     // a stream's last attempt has shown something
	resumed   bool     // an earlier attempt has shown something
	refreshed bool
	fellBack  bool
	abandoned bool // a hook may still be using the reply
	// askedAtGate says that the fallback was asked in place of a wait, and instead is its
	// request, if any. firstSent returns the first message of a stream.
	askedAtGate bool
	instead     any
	firstSent   func() any
	hedges      int // attempts begun beside another attempt
	racing      int // number of the current attempt beside others; 0 without others
}

// beginAttempt records the start of an attempt, if there is an observer, and the
// generation of its credentials.
func (c *call) beginAttempt() {
	if c.r.observer != nil {
		c.attemptBegan = c.r.clock.Now()
		if c.began.IsZero() {
			c.began = c.attemptBegan
		}
	}
	c.generation = c.r.refresh.Generation()
}

// attempts returns the number of attempts made.
func (c *call) attempts() int {
	if c.barred {
		return 0
	}
	return c.state.Made()
}

// number returns the number of the current attempt.
func (c *call) number() int {
	if c.racing > 0 {
		return c.state.Earlier + c.racing
	}
	return c.attempts()
}

// failed takes the error of an attempt and decides. Either another attempt follows
// after wait, already paid for; or the call ends with the error final, unless there is
// another way (see concede).
func (c *call) failed(err error, ev codes.Evidence) (wait time.Duration, again bool, final error) {
	c.classify(err, &ev)
	c.decide()
	c.note()
	c.conclude()
	if c.decision.Retry {
		return c.decision.Wait, true, nil
	}
	return 0, false, c.finalError()
}

// resolve looks up the settings of the call, once.
func (c *call) resolve() {
	if c.resolved {
		return
	}
	c.resolved = true
	c.state.Table, c.knobs = c.r.resolve(c.ctx, c.method, c.opts)
	c.state.Limits, c.state.Codes = c.knobs.Limits, c.knobs.Codes
}

// prepare resolves the settings before the first attempt, and applies those of the call
// as a whole: the timeout and WaitForReady. The caller of prepare must call c.release
// at the end of the call.
func (c *call) prepare() {
	c.resolve()
	if c.knobs.Timeout > 0 {
		c.ctx, c.cancel = context.WithTimeout(c.ctx, c.knobs.Timeout)
	}
	if ready := c.knobs.WaitForReady; ready != nil { // first, so that the caller's own options win
		c.opts = append([]grpc.CallOption{grpc.WaitForReady(*ready)}, c.opts...)
	}
}

// release ends the configured deadline.
func (c *call) release() {
	if c != nil && c.cancel != nil {
		c.cancel()
	}
}

// judge determines, once, whether the method may run twice.
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
	if c.info != nil {
		c.state.Repeatable = c.info.Repeatable || knownRepeatable(c.method)
		return
	}
	// Wrapping a function asks for repetition.
	c.state.Repeatable = c.kind == function || knownRepeatable(c.method)
}

// decide asks policy.Decide, and pays for the retry.
//
//go:noinline
func (c *call) decide() {
	if c.route != nil {
		c.route.stands, c.route.next, c.route.charged = nil, -1, -1
	}
	switch {
	case c.failure.Class == codes.Ended: // this reason takes precedence
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
	if c.unkept == replay.Kept { // otherwise somebody may be sending
		if rt := c.routed(); rt != nil {
			c.decideNext(rt, u)
			return
		}
	}
	c.state.Elsewhere = policy.Nowhere
	c.decision = c.state.Decide(c.r.budget, c.failure, u)
	if c.decision.Retry && c.unkept != replay.Kept {
		c.stop(policy.Committed)
	}
	c.decision = c.state.Pay(c.r.budget, c.decision, c.failure, u)
}

// note records the failed attempt, and reports it to the observer and the log.
func (c *call) note() {
	if c.history == nil {
		c.history = c.first[:0]
	}
	c.history = append(c.history, Attempt{
		Code: c.failure.Code, Class: c.failure.Class, Reach: c.failure.Reach,
		Rule: c.failure.Rule, Reason: c.failure.Reason, Wait: c.decision.Wait, Fallback: c.fellBack, TargetName: c.name,
	})
	c.observeAttempt()
	if c.decision.Retry {
		c.logRetry()
	}
}

// pause waits, refreshes the credentials if the retry needs that, and counts the retry.
// If the caller's context ends first, or the connection is closed, pause gives the
// token back and returns the final error of the call.
func (c *call) pause(wait time.Duration) error {
	rt := c.route
	anywhere := rt.waitsAnywhere(&c.decision)
	if anywhere {
		wait = 0 // enter waits
	} else if rt != nil && rt.next >= 0 {
		c.stand(rt.next)
	}
	wait, err := c.sleep(wait)
	if err != nil {
		c.waited += c.state.ElapsedAt(c.r.clock.Now()) - c.state.Elapsed
		return c.cancelled(err)
	}
	c.waited += wait
	if final := c.renew(); final != nil {
		return final
	}
	gated, fellBack, waited := c.gated, c.fellBack, c.waited
	if final := c.enter(); final != nil || c.fellBack != fellBack {
		return final
	}
	if c.history[len(c.history)-1].Wait = wait + c.gated - gated; anywhere {
		c.history[len(c.history)-1].Wait = c.waited - waited
	}
	c.recharge()
	c.count()
	return nil
}

// count counts the retry that begins. noinline keeps a State off the stack of every
// waiting call.
//
//go:noinline
func (c *call) count() {
	c.state.Retry(c.decision)
	c.route.charge(&c.state.State)
}
