package interceptor

import (
	"context"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// CallInfo describes a call over another protocol than gRPC, for [Retrier.Invoke].
type CallInfo struct {
	// Method is the name of the method in logs, events, errors and patterns:
	// "/package.Service/Method", if the service also speaks gRPC.
	Method string
	// Target is the server, as host or host:port.
	Target string
	// Quota names what besides method and target tells one quota from another, such as a
	// model; empty for nothing.
	Quota string
	// Tenant is the secret that tells one customer from another, such as an API key; empty
	// for none. Only a hash, keyed at random for each Retrier, is kept.
	Tenant string
	// Repeatable says that the request may run twice. Otherwise the method is looked up:
	// see [KnownRepeatable]. The options [Repeatable] and [NotRepeatable] win.
	Repeatable bool
	// Stream is true for a call with a stream of messages as the answer.
	Stream bool
	// Size is the size of the request in bytes; 0 for unknown.
	Size int
	// Request is given to the Adapt functions of [WithTargets] and to the function of
	// [WithCost], in the form of the protocol; nil for a call that cannot go to another target. Describe describes what an Adapt
	// function has made of Request; with a nil Describe the description stays.
	Request  any
	Describe func(request any) CallInfo
	// Rules are tried after those of [WithRules] and before the rules of package codes.
	Rules []codes.Rule
	// Remedy is logged once by each Retrier, when such a call is refused for its
	// credentials; empty for none.
	Remedy string
}

// AttemptResult is what an attempt of [Retrier.Invoke] leaves behind. The zero value is a
// success.
type AttemptResult struct {
	// Err is the error of the attempt, or nil; a gRPC status in Err decides the class.
	Err error
	// Evidence tells how far a failed attempt got. Caller, Deadline, Remaining and
	// Starting are filled in by Invoke.
	Evidence codes.Evidence
	// Gone says that the request cannot be sent again, because it was too large to be kept.
	Gone bool
}

// AttemptFunc makes one attempt of a call of [Retrier.Invoke]. request is that of a
// [Target], or nil for the request of the call.
type AttemptFunc func(ctx context.Context, request any) AttemptResult

// Invoke makes a call over another protocol than gRPC, such as HTTP, under the rules for
// gRPC calls: table, classification, budget, gate, breaker, refresh, attempt timeout,
// events and log. Invoke is for those who write a transport, such as package rest; most
// callers should use package rest, or [Retrier.Do].
//
// describe is called at most once, and not for a call that succeeds at once without an
// observer, gate, breaker or targets. attempt makes one attempt within its context, with the request of a target, or
// nil for the request of the call. The context of
// an attempt lives as long as ctx, unless an attempt timeout ends it, so that the answer of
// the last attempt, an error too, can be read. The caller of Invoke must end ctx when done
// with the answer. Options come from the connection, the method and the context. [WithHedge],
// [WithAccept], [WithFallback] and [WithResume] do not apply.
//
// Invoke returns nil, the untouched error of a single attempt, or an [*Error]. An Error
// without Attempts means that nothing was sent.
func (r *Retrier) Invoke(ctx context.Context, describe func() CallInfo, attempt AttemptFunc) error {
	first := r.earlyOf(ctx)
	gated, _ := r.gates.Look()
	var failed AttemptResult
	early := first > nothingEarly || gated
	if !early {
		if failed = attempt(ctx, nil); failed.Err == nil {
			r.budget.Success()
			r.gates.Success()
			return nil
		}
	}
	info := describe()
	c := &call{target: target{r: r, ctx: ctx, method: info.Method, kind: function, info: &info, request: info.Request}, sent: info.Size}
	defer c.quit()
	if early {
		if first >= settingsEarly {
			c.prepare() // released with ctx
		}
		if final := c.enter(); final != nil { //nolint:contextcheck // the call has the context
			return final
		}
		failed = c.invoke(attempt) //nolint:contextcheck // the call has the context
	}
	return c.reinvokeForeign(attempt, failed)
}

// reinvokeForeign makes attempts until one succeeds or no more attempts are allowed.
func (c *call) reinvokeForeign(attempt AttemptFunc, last AttemptResult) error {
	for {
		if last.Err == nil {
			c.succeeded()
			return nil
		}
		if last.Gone {
			c.unkept = replay.BodyGone
		}
		wait, again, final := c.failed(last.Err, last.Evidence)
		c.logRemedy()
		if !again {
			c.ended(final)
			return final
		}
		if final := c.pause(wait); final != nil {
			return final
		}
		last = c.invoke(attempt)
	}
}

// invoke makes an attempt within the attempt timeout.
func (c *call) invoke(attempt AttemptFunc) AttemptResult {
	c.beginAttempt()
	var request any
	if c.name != "" {
		request = c.request
	}
	timeout := c.knobs.attemptTimeout
	if timeout <= 0 {
		return attempt(c.ctx, request)
	}
	ctx, timer := newAttemptTimer(c.ctx, c.r.clock, timeout, c.patience())
	timer.start()
	defer timer.halt()
	result := attempt(ctx, request)
	if result.Err != nil { // the context stays: the rest of this answer may go to the caller
		result.Err = timer.explain(result.Err)
	}
	return result
}

// ownRules returns the rules before those of package codes.
func (c *call) ownRules() []codes.Rule {
	if c.info == nil || len(c.info.Rules) == 0 {
		return c.r.rules
	}
	return append(c.r.rules[:len(c.r.rules):len(c.r.rules)], c.info.Rules...)
}

// ReplayBuffer returns how many bytes of a request that can be had only once are to be
// kept for a retry: see [WithReplayBuffer].
func (r *Retrier) ReplayBuffer(ctx context.Context, method string) int {
	_, k := r.resolve(ctx, method, nil)
	return k.replay
}
