package interceptor

import (
	"context"
	"strconv"

	"google.golang.org/grpc/metadata"
)

// previousAttemptsKey tells the server how many attempts came before (gRFC
// A6).
const previousAttemptsKey = "grpc-previous-rpc-attempts"

// attemptContext returns the context of a retry: ctx, and the number of
// attempts before it among the outgoing metadata.
func (c *call) attemptContext(ctx context.Context) context.Context {
	n := c.state.Attempts - 1 + c.state.Scouts
	if n <= 0 { // the first attempt of another request
		return ctx
	}
	if _, ok := metadata.FromOutgoingContext(ctx); ok || n >= len(c.r.previous) {
		return metadata.AppendToOutgoingContext(ctx, previousAttemptsKey, strconv.Itoa(n))
	}
	return &attemptContext{Context: ctx, previous: c.r.previous[n]}
}

// previousAttempts returns a context that has nothing but the key with n.
func previousAttempts(n int) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), previousAttemptsKey, strconv.Itoa(n))
}

// attemptContext is a context without outgoing metadata to which those of
// another were added: one allocation, where AppendToOutgoingContext has four.
type attemptContext struct {
	context.Context
	previous context.Context // has one value only
}

// Value implements context.Context.
func (c *attemptContext) Value(key any) any {
	if v := c.previous.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}
