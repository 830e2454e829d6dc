package interceptor

import (
	"context"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
)

// unary is the unary interceptor. While nothing fails, unary resolves nothing,
// allocates nothing and writes no memory shared by calls.
func (r *Retrier) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	first := r.earlyOf(ctx)
	if first == attemptEarly {
		if plain, ok := isAttempt(ctx, method); ok {
			return invoker(plain, method, req, reply, cc, opts...)
		}
	}
	for _, o := range opts {
		switch o := o.(type) {
		case CallOption:
			if err := r.check(ctx, o, method, unaryCall, opts); err != nil {
				return refuse(opts, err)
			}
			first = max(first, o.early())
		case grpc.OnFinishCallOption:
			return r.unaryOnFinish(ctx, method, req, reply, cc, invoker, opts)
		}
	}
	gated, every := r.gates.Look()
	if first > nothingEarly || gated {
		return r.unaryEarly(ctx, method, req, reply, cc, invoker, opts, first)
	}
	if !r.evidence {
		err := invoker(ctx, method, req, reply, cc, opts...)
		if err == nil {
			r.budget.Success()
			if every != 0 {
				r.gates.Success()
			}
			return nil
		}
		c := r.captures.Get().(*capture)
		err = r.reinvokeUnary(ctx, method, req, reply, cc, invoker, opts, c, err)
		r.release(c)
		return err
	}
	c := r.captures.Get().(*capture)
	err := invoker(ctx, method, req, reply, cc, c.watch(r, cc, opts)...)
	if err == nil {
		c.trusted.note(c.trailer)
		if every != 0 && c.sample(every) {
			r.gates.Sampled()
		}
		r.release(c)
		r.budget.Success()
		return nil
	}
	err = r.reinvokeUnary(ctx, method, req, reply, cc, invoker, opts, c, err)
	r.release(c)
	return err
}

// unaryEarly is unary for a call whose state must exist before the first failure:
// because an observer, a refresh or a breaker needs the start of each attempt, because
// options must be known before an attempt ends, or because there is a gate.
func (r *Retrier) unaryEarly(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts []grpc.CallOption, first early) error {
	w := r.captures.Get().(*capture)
	defer r.releaseEarly(w)
	w.failed = true // w.call is in use, even if nothing fails
	c := &w.call
	c.target = target{r: r, ctx: ctx, cc: cc, method: method, kind: unaryCall, opts: opts, request: req, reply: reply}
	if first >= settingsEarly {
		c.prepare()
	}
	if final := c.enter(); final != nil { //nolint:contextcheck // the call has the context
		return unlessAnswered(final)
	}
	if c.knobs.Hedge.Attempts > 1 {
		if hedged, err := c.hedged(c.request, reply, invoker); hedged {
			return err
		}
	}
	if err := c.try(c.ctx, reply, invoker, w); err != nil { //nolint:contextcheck // the call has the context
		return c.reinvoke(reply, invoker, w, err)
	}
	c.succeeded()
	return nil
}

// releaseEarly releases the capture of unaryEarly, and everything the call still holds.
func (r *Retrier) releaseEarly(w *capture) {
	w.call.quit()
	w.call.release()
	r.release(w)
}

// try makes an attempt of a unary call.
func (c *call) try(ctx context.Context, reply any, invoker grpc.UnaryInvoker, w *capture) error {
	opts := c.opts
	if c.r.evidence {
		if opts = w.watch(c.r, c.cc, c.opts); c.failure.Reach == codes.Unsent { // of the previous attempt
			opts = w.watchHeader()
		}
	}
	c.beginAttempt()
	err := c.invocation(invoker).do(ctx, c.request, reply, opts)
	if c.r.evidence {
		w.trusted.note(w.trailer)
	}
	return err
}

// unaryOnFinish is unary for a call with OnFinish options. The OnFinish functions run
// once, with the final error of the call or nil.
func (r *Retrier) unaryOnFinish(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts []grpc.CallOption) error {
	rest, finish := splitOnFinish(opts)
	err := r.unary(ctx, method, req, reply, cc, invoker, rest...)
	for _, f := range finish {
		f(err)
	}
	return err
}

// reinvokeUnary takes over after the first attempt failed with err. c holds the
// evidence. noinline keeps the frame out of calls without a failure.
//
//go:noinline
func (r *Retrier) reinvokeUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts []grpc.CallOption, c *capture, err error) error {
	c.failed = true
	defer c.call.quit()
	c.call.target = target{r: r, ctx: ctx, cc: cc, method: method, kind: unaryCall, opts: opts, request: req, reply: reply}
	return c.call.reinvoke(reply, invoker, c, err)
}

// reinvoke makes attempts until one succeeds or no more attempts are allowed. The first
// attempt failed with err, and w holds its evidence.
func (c *call) reinvoke(reply any, invoker grpc.UnaryInvoker, w *capture, err error) error {
	for {
		wait, again, final := c.failed(err, w.evidence(c.r.evidence))
		if again {
			final = c.pause(wait)
		} else {
			then := c.concede(c.original, reply, final)
			if then.next == nil && then.final == nil {
				return nil // the fallback has filled the reply
			}
			if c.request, final = then.next, then.final; final == nil {
				final = c.askBreaker() // another request is meant for another quota: no gate
			}
		}
		if final == errAnswered { //nolint:errorlint // ours, and never wrapped
			return nil
		}
		if final != nil {
			if !c.abandoned {
				reset(reply)
			}
			return final
		}
		reset(reply)
		resetResults(c.opts)
		if err = c.try(c.attemptContext(c.ctx), reply, invoker, w); err == nil {
			c.succeeded()
			return nil
		}
	}
}

// unlessAnswered returns the final error of a call, nil if a fallback has answered it.
func unlessAnswered(final error) error {
	if final == errAnswered { //nolint:errorlint // ours, and never wrapped
		return nil
	}
	return final
}

// original returns the request of the caller.
func (c *call) original() any {
	if c.route != nil {
		return c.route.request
	}
	return c.request
}

// reset empties a reply, because a failed attempt may have filled a part.
func reset(reply any) {
	v := reflect.ValueOf(reply)
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return
	}
	switch m := reply.(type) {
	case nil:
	case proto.Message:
		proto.Reset(m)
	case interface{ Reset() }:
		m.Reset()
	default: // a message of another codec: every codec decodes into a pointer
		if v.Kind() == reflect.Pointer {
			v.Elem().SetZero()
		}
	}
}
