package interceptor

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
)

// Do calls f, and calls f again under the rules for gRPC calls. Do is for work without
// an interceptor, such as a REST call, or several calls that belong together. name
// stands for the method in logs, events and errors.
//
// An error of f is classified by its gRPC status or by the rules given to [WithRules];
// any other error is codes.Other. An error of package context counts as the caller's
// own and ends the call. f counts as repeatable unless [NotRepeatable] is given,
// because wrapping a function asks for repetition. The options apply to f as a whole,
// not to the gRPC calls made by f. An error already retried by an interceptor of this
// package is returned at once.
//
// Do returns nil, or the untouched error of f after a single call, or an [*Error]. Do
// does not recover a panic of f.
func (r *Retrier) Do(ctx context.Context, name string, f func(ctx context.Context) error, opts ...CallOption) error {
	if ctx == nil {
		return errors.New("interceptor: context: want one that is not nil")
	}
	var own []grpc.CallOption // not put into ctx: the calls made by f would get the options too
	for _, o := range opts {
		own = append(own, o)
	}
	for _, o := range opts {
		if err := r.check(ctx, o, name, function, own); err != nil {
			return err
		}
	}
	c := &call{target: target{r: r, ctx: ctx, method: name, kind: function, opts: own}}
	defer c.quit()
	if final := c.enter(); final != nil { //nolint:contextcheck // the call has the context
		return unlessAnswered(final)
	}
	c.beginAttempt()
	for {
		err := f(ctx)
		if err == nil {
			c.succeeded()
			return nil
		}
		wait, again, final := c.failed(err, codes.Evidence{})
		if !again {
			return c.concede(nil, nil, final).final
		}
		if final := c.pause(wait); final != nil {
			return unlessAnswered(final)
		}
		c.beginAttempt()
	}
}
