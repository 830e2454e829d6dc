package interceptor

import (
	"io"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Every way a call ends is in this file.

// succeeded ends the call with success.
func (c *call) succeeded() {
	c.over = true
	if !c.shown { // a shown stream counted as a success when committed
		c.r.budget.Success()
		c.r.gates.Success()
		c.tellUsage(c.reply)
		c.giveBack(codes.Failure{}, nil)
	}
	c.err = nil
	c.observeSuccess()
	c.logRecovered()
}

// tellCommitted reports that a stream has shown something: its attempt has succeeded,
// and the call goes on.
func (c *call) tellCommitted() {
	c.err = nil
	c.observeCommitted()
	c.logRecovered()
}

// endStream ends a committed stream with io.EOF or a failure, and returns its final
// error.
func (c *call) endStream(err error, attempt grpc.ClientStream) error {
	if err == io.EOF { //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
		c.succeeded()
		return err
	}
	ev := evidenceOf(attempt)
	c.classify(err, &ev)
	switch {
	case !c.shown: // committed because a retry was impossible, not because of shown data
		c.decide()
	case c.failure.Class == codes.Ended:
		c.stop(policy.CallerEnded)
	default:
		c.stop(policy.Committed)
	}
	c.note()
	final := c.finalError()
	c.ended(final)
	return final
}

// ending is the reason for the end of a call, if the last failure alone is not the
// reason.
type ending struct {
	why policy.Why
	// instead is the error that ended the call in place of a failure: of the context,
	// of a closed connection or of a hook.
	instead error
	hook    error   // returned by a function of the caller
	turned  *turned // why the gate has turned the call away
	// unwaited means that the wait before a further attempt was cut short.
	unwaited bool
}

// end ends the call and returns its final error.
func (c *call) end(e ending) error {
	c.returnToken()
	if n := len(c.history); e.unwaited && n > 0 {
		c.history[n-1].Wait = 0
	}
	c.stop(e.why)
	final := c.newError(e)
	c.ended(final)
	return final
}

// cancelled ends the call because its context ended during a wait or its connection was
// closed; err says which.
func (c *call) cancelled(err error) error {
	return c.end(ending{why: policy.CallerEnded, instead: err, unwaited: true})
}

// stop decides against a retry.
func (c *call) stop(why policy.Why) {
	c.decision = policy.Decision{Why: why, Class: c.failure.Class}
}

// returnToken returns the token of a retry that has not begun, if any.
func (c *call) returnToken() {
	c.state.Refund(c.r.budget)
}

// ended reports that the call has failed for good.
func (c *call) ended(final error) {
	c.over = true
	c.closeShade()
	c.observeEnd(final)
	c.logGaveUp()
}

// finalError returns the error for the caller: the server's own error after a single
// attempt with nothing to add.
func (c *call) finalError() error {
	if c.attempts() > 1 || c.advice() != "" {
		return c.newError(ending{})
	}
	if c.kind != function {
		if _, ok := codes.StatusOf(c.err); !ok { // grpc promises a status
			return c.newError(ending{})
		}
	}
	return c.err
}
