package interceptor

import (
	"io"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// All ways in which a call ends are in this file.

// succeeded ends the call with success.
func (c *call) succeeded() {
	c.over = true
	if !c.shown { // a stream has earned when it was committed
		c.r.budget.Success()
		c.r.gates.Success()
		c.giveBack(codes.Failure{}, nil)
	}
	c.err = nil
	c.observeSuccess()
	c.logRecovered()
}

// tellCommitted tells those who watch that a stream has shown something: its
// attempt has succeeded, and the call goes on.
func (c *call) tellCommitted() {
	c.err = nil
	c.observeCommitted()
	c.logRecovered()
}

// endStream ends a committed stream, with io.EOF or a failure, and returns its
// final error.
func (c *call) endStream(err error, attempt grpc.ClientStream) error {
	if err == io.EOF { //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
		c.succeeded()
		return err
	}
	ev := evidenceOf(attempt)
	c.classify(err, &ev)
	switch {
	case !c.shown: // it was committed for want of what a retry needs, and not for what it has shown
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

// ending is why a call ends, where that is not for its last failure alone.
type ending struct {
	why policy.Why
	// instead is what has ended the call in the place of a failure: the error of its
	// context, that of a closed connection, or that of a hook.
	instead error
	hook    error   // what a function of the caller's has said
	turned  *turned // why the gate has turned it away
	// unwaited says that the wait before a further attempt did not come to its end.
	unwaited bool
}

// end ends the call, and returns its final error.
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

// cancelled ends the call because its context ended during a wait, or its connection
// was closed: err says which.
func (c *call) cancelled(err error) error {
	return c.end(ending{why: policy.CallerEnded, instead: err, unwaited: true})
}

// stop decides that there is no retry.
func (c *call) stop(why policy.Why) {
	c.decision = policy.Decision{Why: why, Class: c.failure.Class}
}

// returnToken returns the token of a retry that has not begun, if there is one.
func (c *call) returnToken() {
	c.state.Refund(c.r.budget)
}

// ended tells those who watch that the call has failed for good.
func (c *call) ended(final error) {
	c.over = true
	c.closeShade()
	c.observeEnd(final)
	c.logGaveUp()
}

// finalError returns the error that the caller gets: the server's own if the
// call was tried once and there is nothing to add.
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
