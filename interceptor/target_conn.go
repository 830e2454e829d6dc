package interceptor

import (
	"context"
)

// asAttempt marks the attempt of a call over the connection of a target. A Retrier there
// passes the attempt on, because the attempts of two layers multiply.
func asAttempt(ctx context.Context, method string) context.Context {
	return NewContext(ctx, CallOption{o: &callOption{attemptOf: method, apply: func(*settings) {}}})
}

// isAttempt reports whether a call of the method is the attempt of another Retrier, and
// returns the context without the mark: calls made further down are calls of their own.
func isAttempt(ctx context.Context, method string) (context.Context, bool) {
	opts := fromContext(ctx)
	n := len(opts) - 1 // asAttempt has added the mark last
	if n < 0 || opts[n].o == nil || opts[n].o.attemptOf != method {
		return ctx, false
	}
	return context.WithValue(ctx, contextKey{}, opts[:n:n]), true
}
