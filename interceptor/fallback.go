package interceptor

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy"
)

// FallbackFunc answers a call in another way after its retries are exhausted. The
// results mean:
//
//   - a request and no error: the request is sent in place of the first request, under
//     the same rules, with retries counted anew;
//   - no request and no error: the function has filled the reply, and the call has
//     succeeded;
//   - an error: there is no other way. The call ends as without the fallback; an error
//     other than FailedCall.Err is added to the text of the call's error.
//
// ctx is the context of the call. A FallbackFunc must be safe for concurrent use.
type FallbackFunc func(ctx context.Context, x FailedCall) (next any, err error)

// FailedCall is the failed call given to a [FallbackFunc].
type FailedCall struct {
	// Method is the full name of the method, or the name given to Do.
	Method string
	// Request is the original request. Do not change it: return another request of the
	// same type. For a stream, Request is a copy of the first message sent; the later
	// messages follow the new first message unchanged. Request is nil for Do.
	Request any
	// Reply is the empty reply to fill; nil for a stream and for Do.
	Reply any
	// Err is the error with which the call would end; [FailureOf] tells its class.
	Err error
}

// WithFallback has f answer a call in another way, for example with the request for
// another model, after the retries are exhausted, or at once if retries cannot help
// because a quota is spent (codes.Spent). f is also asked before a wait at a closed gate
// longer than [FallbackAfter], and in place of turning a call away there; another request
// passes the gate. f is called at most once for a wait, and once at the end if it has
// declined the wait; and not:
//
//   - if the failure is the fault of the request, the caller or the credentials;
//   - if the request may have run and must not run twice;
//   - for a stream that has shown something;
//   - for a stream that could not be opened, because there is no request yet.
//
// A nil f switches the fallback off.
//
// If f panics, or returns a request of the wrong type, the call ends with INTERNAL. If
// f blocks, the call ends at its deadline.
func WithFallback(f FallbackFunc) CallOption {
	return newCallOption(callOption{
		name: "WithFallback", kinds: everything,
		apply: func(s *settings) { s.fallback = f },
	})
}

// conceded is the next step of a call that is not retried.
type conceded struct {
	next  any   // the request to go on with; nil for none
	final error // error of the call, without next; nil for success
}

// concede ends a call with the error final, unless a fallback answers. request returns
// the original request.
func (c *call) concede(request func() any, reply any, final error) conceded {
	if c.knobs.fallback == nil || c.fellBack || c.shown || c.resumed || !c.decision.FallsBack() {
		c.ended(final)
		return conceded{final: final}
	}
	x := FailedCall{Method: c.method, Reply: reply, Err: final}
	if c.kind != function {
		if x.Request = request(); x.Request == nil { // a stream that has sent nothing
			c.ended(final)
			return conceded{final: final}
		}
	}
	return c.fallBack(x)
}

// fallBack calls the FallbackFunc.
func (c *call) fallBack(x FailedCall) conceded {
	if x.Reply != nil {
		reset(x.Reply)
	}
	c.fellBack = true
	c.closeShade()
	var next any
	var err error
	f, ctx := c.knobs.fallback, c.ctx
	if broken := hook.Run(ctx, "WithFallback", func() { next, err = f(ctx, x) }); broken != nil {
		return conceded{final: c.hookFailed(broken)}
	}
	switch {
	case err != nil:
		final := c.declined(x.Err, err)
		c.ended(final)
		return conceded{final: final}
	case next != nil:
		if fault := c.fallbackFault(x.Request, next); fault != "" {
			return conceded{final: c.hookFailed(&hook.Error{Option: "WithFallback", Text: fault})}
		}
		c.logFallback("another request")
		c.leaveRoute()
		c.restart()
		return conceded{next: next}
	case c.kind&streams != 0:
		return conceded{final: c.hookFailed(&hook.Error{
			Option: "WithFallback", Text: fmt.Sprintf("got no request and no error for %s: a stream has no reply to fill, want one of them", c.method),
		})}
	}
	c.logFallback("a reply of its own")
	c.observeOutcome(Recovered)
	return conceded{}
}

// fallbackFault returns what is wrong with the request returned by a fallback, or an
// empty string.
func (c *call) fallbackFault(request, next any) string {
	if c.kind == function {
		return fmt.Sprintf("got a %T for %s: a function has no request, want nil", next, c.method)
	}
	return wrongType(request, next)
}

// wrongType returns why next cannot take the place of request, or an empty string.
func wrongType(request, next any) string {
	if reflect.TypeOf(request) != reflect.TypeOf(next) {
		return fmt.Sprintf("got a request of type %T: want a %T, as the first one", next, request)
	}
	if v := reflect.ValueOf(next); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Sprintf("got a nil %T: want a request", next)
	}
	return ""
}

// declined returns the error of a call whose fallback returned err.
func (c *call) declined(final, err error) error {
	if errors.Is(err, final) && err.Error() == final.Error() {
		return final
	}
	return c.newError(ending{hook: fmt.Errorf("interceptor.WithFallback: %w", err)})
}

// hookFailed ends the call because a hook failed, or because the context of the call
// ended while the hook was running.
func (c *call) hookFailed(err error) error {
	why := policy.HookFailed
	if left, ok := err.(*hook.AbandonedError); ok { //nolint:errorlint // of hook.Run, untouched
		c.abandoned, err = true, left.Err
		why = policy.CallerEnded
	}
	return c.end(ending{why: why, instead: err})
}

// restart starts the counts anew. The attempts so far count as earlier attempts.
func (c *call) restart() {
	c.state.Restart(c.attempts())
	c.racing = 0
}
