package interceptor

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
)

// Do calls f, and calls it again as the same rules say that apply to gRPC
// calls: for work that no interceptor sees, such as a REST call or several
// calls that belong together. name stands for the method in logs, events and
// errors.
//
// An error of f counts by its gRPC status, or by the rules given to
// [WithRules]; one that neither knows is codes.Other, and one of package
// context is the caller's own and ends the call. Whoever wraps a function
// wants it called again: it counts as repeatable unless [NotRepeatable] is
// given. The options are for f as a whole; the gRPC calls that f makes do not
// have them. An error that an interceptor of this package has already retried
// is returned at once.
//
// Do returns nil, or the error of f untouched after a single call, or an
// [*Error]. A panic of f is not recovered.
func (r *Retrier) Do(ctx context.Context, name string, f func(ctx context.Context) error, opts ...CallOption) error {
	if ctx == nil {
		return errors.New("interceptor: context: want one that is not nil")
	}
	var own []grpc.CallOption // not in ctx, where the calls that f makes would have them too
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
	if final := c.enter(); final != nil {
		return final
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
			return final
		}
		c.beginAttempt()
	}
}
