package interceptor

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy"
)

// FallbackFunc answers a call in another way once its retries are exhausted.
// It returns one of these:
//
//   - a request, and no error: it is sent in the place of the first one, under
//     the same rules, with its retries counted anew;
//   - no request, and no error: it has filled the reply itself, and the call has
//     succeeded;
//   - an error: there is no other way. The call ends as it would have; if the
//     error is not the one of the call, it is added to its text.
//
// ctx is the call's own. It must be safe for concurrent use.
type FallbackFunc func(ctx context.Context, x FailedCall) (next any, err error)

// FailedCall is the call that a [FallbackFunc] is asked about.
type FailedCall struct {
	// Method is the full name of the method, or the name given to Do.
	Method string
	// Request is what was asked: do not change it, but return another one of
	// the same type. For a stream it is a copy of the first message sent; the
	// others follow the new one as they were. It is nil for Do.
	Request any
	// Reply is where the answer goes, empty, or nil for a stream and for Do.
	Reply any
	// Err is the error that the call would end with: [FailureOf] tells its
	// class.
	Err error
}

// WithFallback has f answer in another way, for example with the request for
// another model, when the retries are exhausted, or at once where none would
// help because a quota is spent (codes.Spent). It is asked at most once in a
// call. It is not asked where the failure is the request's, the caller's or its
// credentials' fault, or where the request may have run and must not run twice;
// nor about a stream of which something was shown, or that could not even be
// opened, since there is no request yet. A nil f switches it off.
//
// If f panics, or returns a request of the wrong type, the call ends with
// INTERNAL; if it blocks, at its deadline.
func WithFallback(f FallbackFunc) CallOption {
	return newCallOption(callOption{
		name: "WithFallback", kinds: everything,
		apply: func(s *settings) { s.fallback = f },
	})
}

// conceded is what follows for a call that is not retried.
type conceded struct {
	next  any   // the request to go on with; nil for none
	final error // how the call has ended, if there is no next
}

// concede ends a call whose last failure gave the error final, unless there
// is another way to answer it. request returns what was asked.
func (c *call) concede(request func() any, reply any, final error) conceded {
	if c.knobs.fallback == nil || c.fellBack || c.shown || c.resumed || !c.decision.FallsBack() {
		c.ended(final)
		return conceded{final: final}
	}
	x := FailedCall{Method: c.method, Reply: reply, Err: final}
	if c.kind != function {
		if x.Request = request(); x.Request == nil { // a stream that has not sent any
			c.ended(final)
			return conceded{final: final}
		}
	}
	return c.fallBack(x)
}

// fallBack asks the caller's function.
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

// fallbackFault returns what is wrong with the request that a fallback has
// returned, or nothing.
func (c *call) fallbackFault(request, next any) string {
	if c.kind == function {
		return fmt.Sprintf("got a %T for %s: a function has no request, want nil", next, c.method)
	}
	return wrongType(request, next)
}

// wrongType returns what is wrong with a request that takes the place of
// another, or nothing.
func wrongType(request, next any) string {
	if reflect.TypeOf(request) != reflect.TypeOf(next) {
		return fmt.Sprintf("got a request of type %T: want a %T, as the first one", next, request)
	}
	if v := reflect.ValueOf(next); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Sprintf("got a nil %T: want a request", next)
	}
	return ""
}

// declined returns the error of a call for which there was no other way.
func (c *call) declined(final, err error) error {
	if errors.Is(err, final) && err.Error() == final.Error() {
		return final
	}
	return c.newError(ending{hook: fmt.Errorf("interceptor.WithFallback: %w", err)})
}

// hookFailed ends the call because of what a hook did, or because the call's
// context ended while it was running.
func (c *call) hookFailed(err error) error {
	why := policy.HookFailed
	if left, ok := err.(*hook.AbandonedError); ok { //nolint:errorlint // of hook.Run, untouched
		c.abandoned, err = true, left.Err
		why = policy.CallerEnded
	}
	return c.end(ending{why: why, instead: err})
}

// restart begins to count anew: the attempts so far are history.
func (c *call) restart() {
	c.state.Restart(c.attempts())
	c.racing = 0
}
