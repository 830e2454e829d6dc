package interceptor

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
)

// Target is another place a call may go to, such as another model, another region, or the
// same server at another price: see [WithTargets]. Package google makes the targets of
// Gemini and Vertex AI.
type Target struct {
	// Name names the target in logs, events, metrics and errors: not empty, and different
	// from those of the other targets. The name is no secret.
	Name string
	// Conn is the connection to the target; nil for the connection of the call. Interceptors
	// of Conn see the attempt, and those of the call's connection on the right of this
	// package do not. A Retrier of Conn passes the attempt on, so that attempts do not
	// multiply.
	Conn grpc.ClientConnInterface
	// Adapt returns the context and the request for an attempt at this target, or false if
	// the call cannot go there. Adapt must derive the context from ctx, without a deadline,
	// which would be taken for the caller's, and must not change req: to change a request,
	// copy its top level. A nil Adapt changes nothing.
	//
	// req is the request of a unary call, the first message of a stream, or an *http.Request
	// for package rest. req is nil for a stream that has sent nothing yet: Adapt is asked
	// again with the first message. Adapt must be quick, and safe for concurrent use.
	Adapt func(ctx context.Context, req any) (context.Context, any, bool)
}

// DefaultPatience is the default of [Patience].
const DefaultPatience = time.Second

// WithTargets lists the other places a call may go to, in order of preference; the call as
// it is comes first. A call goes to no other place. Without targets, the option switches
// off what a less specific place has set.
//
// The first attempt goes to the first target whose gate has a turn within [Patience]. If
// all are closed, the call waits for the one that opens first, or ends at once if its
// deadline does not allow that.
//
// After a failure of class Quota, Spent, Server, Timeout or Network the next attempt goes
// to the first target not tried yet and not closed, under the rules that hold for every
// repeated attempt. The attempt counts against the limits of the call, and not as a retry
// of the row: after Quota or Spent it is free and comes at once; after the others it costs
// a token, and comes at once over another connection or after the row's wait over the
// same. After the last target the waits of the table begin, at the target that is free
// first; the row of Quota counts for each target, because quotas differ. A stream moves
// until it is committed.
//
// A failure of class Request or Auth at a later target drops that target for the call,
// because tuned models, files and caches do not travel, and the failure before stands. A
// failure after which nothing may be repeated, because the request may have run, ends the
// call there.
//
// A target refused with class Spent is skipped by all calls with targets until
// [policy.SpentUntil], except by single calls that try it. [WithoutGate] switches that off
// too.
//
// With [WithHedge] a call chooses its target before the first attempt only. The option
// does not apply to functions of [Retrier.Do].
func WithTargets(targets ...Target) CallOption {
	return newCallOption(callOption{
		name: "WithTargets", err: faultOf(targets), kinds: unaryCall | streams, early: true,
		apply: func(s *settings) { s.targets = targets },
	})
}

// faultOf returns what is wrong with the targets, or nil.
func faultOf(targets []Target) error {
	names := map[string]bool{}
	for i, t := range targets {
		switch {
		case t.Name == "":
			return fmt.Errorf("interceptor: WithTargets: target %d: Name is empty: want a name", i+1)
		case names[t.Name]:
			return fmt.Errorf("interceptor: WithTargets: target %d: Name %q: want a name no other target has", i+1, t.Name)
		case t.Conn == nil && t.Adapt == nil:
			return fmt.Errorf("interceptor: WithTargets: target %q: want Conn or Adapt, or the target is no other place", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}

// Patience sets how long a call waits for the turn at a target before it goes on to the
// next one: 0 or more, [DefaultPatience] by default. So a target with a short queue is not
// left.
func Patience(d time.Duration) CallOption {
	var err error
	if d < 0 {
		err = fmt.Errorf("interceptor: Patience: %v: want >= 0", d)
	}
	return newCallOption(callOption{
		name: "Patience", err: err, kinds: unaryCall | streams,
		apply: func(s *settings) { s.patience = d },
	})
}
