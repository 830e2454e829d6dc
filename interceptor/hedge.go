package interceptor

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// WithHedge starts another attempt of a unary call when there is no answer after delay,
// and so on, up to the given number of attempts, the first included. The first answer
// wins, and the other attempts are cancelled. Hedging adds load to speed up the slowest
// answers. Off by default; attempts of 1 switches hedging off.
//
// The semantics are those of gRFC A6. A failure that the table would retry starts the next
// attempt at once, or after the delay asked for by the server. A failure that the table
// would not retry ends the call. A server that says stop ends the call once the attempts
// under way have failed too. The attempts take the place of retries: after the last attempt
// the call ends, whatever the failures. Every attempt but the first costs a token of the
// budget; without a token there is no further attempt.
//
// Only repeatable methods with protobuf messages, which can be copied, are hedged. Given to
// any other call, WithHedge is an error; set for a connection, WithHedge leaves other calls,
// and streams, as they are. Attempts that lost are cancelled and not waited for, so that
// interceptors further right may still be running when the call has returned.
func WithHedge(delay time.Duration, attempts int) CallOption {
	var err error
	switch {
	case delay < 0:
		err = fmt.Errorf("interceptor: WithHedge: delay %v: want >= 0s", delay)
	case attempts < 1:
		err = fmt.Errorf("interceptor: WithHedge: attempts %d: want >= 1, the first included", attempts)
	}
	return newCallOption(callOption{
		name: hedgeName, err: err, kinds: unaryCall, early: true,
		apply: func(s *settings) { s.Hedge = policy.Hedge{Delay: delay, Attempts: attempts} },
	})
}

const hedgeName = "WithHedge"

// hedged makes the call with hedging, if possible. done is false if the call is still to be
// made.
func (c *call) hedged(req, reply any, invoker grpc.UnaryInvoker) (done bool, err error) {
	own := slices.ContainsFunc(c.opts, func(o grpc.CallOption) bool {
		own, ok := o.(CallOption)
		return ok && own.o != nil && own.o.name == hedgeName
	})
	c.judge()
	copied := canBeCopied(req) && canBeCopied(reply)
	switch {
	case c.knobs.disabled:
		return false, nil
	case own && !c.state.Repeatable:
		return true, c.unhedged(
			"interceptor: WithHedge: %s is not known to be repeatable, and only such methods are hedged: add interceptor.Repeatable()", c.method)
	case own && !copied:
		return true, c.unhedged(
			"interceptor: WithHedge: %s: request %T, reply %T: want protobuf messages, which can be copied", c.method, req, reply)
	case !c.state.Repeatable || !copied:
		return false, nil
	}
	return true, c.hedge(copyOf(req), reply, invoker)
}

// unhedged gives back the places of a call that was told to hedge and cannot, and returns
// the error.
func (c *call) unhedged(format string, args ...any) error {
	err := status.Errorf(grpccodes.InvalidArgument, format, args...)
	c.giveBack(codes.Failure{Class: codes.Ended}, err)
	return err
}
