package interceptor

import (
	"errors"
	"fmt"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// FallbackAfter sets how long a call waits at a gate without asking the function of
// [WithFallback] first: 0 or more; by default the Base of the row of Quota, 5 s.
func FallbackAfter(d time.Duration) CallOption {
	var err error
	if d < 0 {
		err = fmt.Errorf("interceptor: FallbackAfter: %v: want >= 0", d)
	}
	return newCallOption(callOption{
		name: "FallbackAfter", err: err, kinds: everything,
		apply: func(s *settings) { s.fallbackAfter, s.fallsBackAfter = d, true },
	})
}

// errAnswered says that the fallback has answered a call that was to wait at a gate.
var errAnswered = errors.New("interceptor: answered by the fallback")

// insteadOfWaiting asks the fallback in place of a long wait at the gate. done is true if
// the call does not wait: it has another request, or ends with final. noinline as in
// [call.decideNext].
//
//go:noinline
func (c *call) insteadOfWaiting(verdict gate.Verdict, why gates.Reason, t *turned) (done bool, final error) {
	x, ok := c.failedAtGate()
	if !ok || why.Err == nil || (verdict == gate.Wait && t.left <= c.longestWait()) {
		return false, nil
	}
	before := c.asBefore()
	c.askedAtGate = true
	c.barredBy(why)
	c.stop(policy.GateClosed)
	x.Err = c.newError(ending{turned: t})
	if x.Reply != nil {
		reset(x.Reply)
	}
	var next any
	var err error
	f, ctx := c.knobs.fallback, c.ctx
	if broken := hook.Run(ctx, "WithFallback", func() { next, err = f(ctx, x) }); broken != nil {
		c.leaveQueue(verdict)
		return true, c.hookFailed(broken)
	}
	if err != nil { // there is no other way than to wait
		before()
		return false, nil //nolint:nilerr // the call goes on
	}
	c.leaveQueue(verdict)
	c.returnToken()
	c.fellBack = true
	switch {
	case next != nil:
		if fault := c.fallbackFault(x.Request, next); fault != "" {
			return true, c.hookFailed(&hook.Error{Option: "WithFallback", Text: fault})
		}
		c.logFallback("another request")
		c.leaveRoute()
		c.restart()
		c.barred, c.instead = false, next
		c.request = next
		return true, nil
	case c.kind&streams != 0:
		return true, c.hookFailed(&hook.Error{
			Option: "WithFallback", Text: fmt.Sprintf("got no request and no error for %s: a stream has no reply to fill, want one of them", c.method),
		})
	}
	c.logFallback("a reply of its own")
	c.observeOutcome(Recovered)
	return true, errAnswered
}

// failedAtGate returns the argument of the fallback, or false if the fallback is not asked.
func (c *call) failedAtGate() (x FailedCall, ok bool) {
	if c.knobs.fallback == nil || c.fellBack || c.askedAtGate || c.shown || c.resumed || c.info != nil {
		return x, false
	}
	x = FailedCall{Method: c.method}
	switch {
	case c.kind == unaryCall:
		x.Request, x.Reply = c.original(), c.reply
	case c.kind&streams != 0:
		if c.firstSent != nil {
			x.Request = c.firstSent()
		}
		if x.Request == nil { // nothing was sent yet
			return x, false
		}
	}
	return x, true
}

// longestWait returns how long the call waits without asking the fallback.
func (c *call) longestWait() time.Duration {
	if c.knobs.fallsBackAfter {
		return c.knobs.fallbackAfter
	}
	return c.state.Table[codes.Quota].Base
}

// asBefore returns a function that makes the failure of the call what it was.
func (c *call) asBefore() func() {
	barred, err, failure, decision := c.barred, c.err, c.failure, c.decision
	return func() { c.barred, c.err, c.failure, c.decision = barred, err, failure, decision }
}

// leaveQueue gives up the place in the queue of the gate.
func (c *call) leaveQueue(verdict gate.Verdict) {
	if c.waiter != nil && verdict != gate.Refuse {
		c.r.gates.Leave(c.waiter, verdict)
	}
}
