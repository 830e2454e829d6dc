package interceptor

import (
	"context"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
)

// unary is the unary interceptor. As long as nothing fails it resolves
// nothing, allocates nothing and writes no memory that calls share.
func (r *Retrier) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	for _, o := range opts {
		switch o := o.(type) {
		case CallOption:
			if err := r.check(ctx, o, method, unaryCall, opts); err != nil {
				return refuse(opts, err)
			}
		case grpc.OnFinishCallOption:
			return r.unaryOnFinish(ctx, method, req, reply, cc, invoker, opts)
		}
	}
	if r.observer != nil {
		return r.unaryObserved(ctx, method, req, reply, cc, invoker, opts)
	}
	if !r.evidence {
		err := invoker(ctx, method, req, reply, cc, opts...)
		if err == nil {
			r.budget.Success()
			return nil
		}
		c := r.captures.Get().(*capture)
		err = r.reinvokeUnary(ctx, method, req, reply, cc, invoker, opts, c, err)
		r.release(c)
		return err
	}
	c := r.captures.Get().(*capture)
	err := invoker(ctx, method, req, reply, cc, c.watch(opts)...)
	if err == nil {
		r.trust(c)
		r.release(c)
		r.budget.Success()
		return nil
	}
	err = r.reinvokeUnary(ctx, method, req, reply, cc, invoker, opts, c, err)
	r.release(c)
	return err
}

// unaryObserved is unary for a Retrier with an observer, which is told when
// the call began.
func (r *Retrier) unaryObserved(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts []grpc.CallOption) error {
	c := r.captures.Get().(*capture)
	defer r.release(c)
	c.failed = true // whether or not it does, its life is told
	c.call.target = target{r: r, ctx: ctx, cc: cc, method: method, kind: unaryCall, opts: opts}
	c.call.begin()
	watched := opts
	if r.evidence {
		watched = c.watch(opts)
	}
	if err := invoker(ctx, method, req, reply, cc, watched...); err != nil {
		return c.call.reinvoke(req, reply, invoker, c, err)
	}
	r.trust(c)
	c.call.succeeded()
	return nil
}

// unaryOnFinish is unary for a call with OnFinish options: they are called
// once, with what the call returns.
func (r *Retrier) unaryOnFinish(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts []grpc.CallOption) error {
	rest, finish := splitOnFinish(opts)
	err := r.unary(ctx, method, req, reply, cc, invoker, rest...)
	for _, f := range finish {
		f(err)
	}
	return err
}

// reinvokeUnary takes over after the first attempt has failed with err. c has
// its evidence. It is kept out of the frame of those calls that do not fail.
//
//go:noinline
func (r *Retrier) reinvokeUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts []grpc.CallOption, c *capture, err error) error {
	c.failed = true
	c.call.target = target{r: r, ctx: ctx, cc: cc, method: method, kind: unaryCall, opts: opts}
	return c.call.reinvoke(req, reply, invoker, c, err)
}

// reinvoke makes attempts until one succeeds or nothing more is to be tried.
// The first one has failed with err; watcher has its evidence.
func (c *call) reinvoke(req, reply any, invoker grpc.UnaryInvoker, watcher *capture, err error) error {
	watched := c.r.evidence
	for {
		var ev codes.Evidence
		if watched {
			ev = c.r.evidenceOf(watcher)
			watcher.trailer = nil
		}
		wait, again, final := c.failed(err, ev)
		if !again {
			reset(reply)
			return final
		}
		if final := c.pause(wait); final != nil {
			reset(reply)
			return final
		}
		reset(reply)
		resetResults(c.opts)
		opts := c.opts
		if watched {
			opts = watcher.watch(c.opts)
		}
		c.beginAttempt()
		if err = invoker(c.attemptContext(), c.method, req, reply, c.cc, opts...); err == nil {
			c.succeeded()
			return nil
		}
	}
}

// reset empties a reply that a failed attempt may have filled in part.
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
	default: // another codec's: every codec decodes into a pointer
		if v.Kind() == reflect.Pointer {
			v.Elem().SetZero()
		}
	}
}
