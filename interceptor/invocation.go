package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/policy"
)

// invocation holds what an attempt of a unary call needs, but nothing of the call itself, so
// that an attempt nobody waits for may outlive the call.
type invocation struct {
	invoker grpc.UnaryInvoker
	cc      *grpc.ClientConn
	conn    grpc.ClientConnInterface // of a target; nil for cc
	method  string
	clock   Clock
	timeout time.Duration
	patient policy.Patience // beyond the timeout
	accept  AcceptFunc
}

// invocation returns the invocation for the attempts of the call.
func (c *call) invocation(invoker grpc.UnaryInvoker) invocation {
	v := invocation{invoker: invoker, cc: c.cc, conn: c.conn, method: c.method, clock: c.r.clock, timeout: c.knobs.attemptTimeout, accept: c.knobs.accept}
	if v.timeout > 0 {
		v.patient = c.patience()
	}
	return v
}

// do makes an attempt within the timeout, and asks the AcceptFunc about the reply.
func (v invocation) do(ctx context.Context, req, reply any, opts []grpc.CallOption) error {
	err := v.inTime(ctx, req, reply, opts)
	if err != nil || v.accept == nil {
		return err
	}
	return accepts(ctx, v.accept, v.method, reply)
}

// inTime makes an attempt within the timeout.
func (v invocation) inTime(ctx context.Context, req, reply any, opts []grpc.CallOption) error {
	if v.timeout <= 0 {
		return v.call(ctx, req, reply, opts)
	}
	ctx, timer := newAttemptTimer(ctx, v.clock, v.timeout, v.patient)
	defer timer.end(nil)
	timer.start()
	defer timer.halt()
	return timer.explain(v.call(ctx, req, reply, opts))
}

// call makes the attempt.
func (v invocation) call(ctx context.Context, req, reply any, opts []grpc.CallOption) error {
	if v.conn != nil {
		return v.conn.Invoke(asAttempt(ctx, v.method), v.method, req, reply, opts...)
	}
	return v.invoker(ctx, v.method, req, reply, v.cc, opts...)
}
