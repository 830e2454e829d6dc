package interceptor

import (
	"context"
	"strconv"

	"google.golang.org/grpc/metadata"
)

// previousAttemptsKey tells the server the number of previous attempts (gRFC A6).
const previousAttemptsKey = "grpc-previous-rpc-attempts"

// attemptContext returns ctx with the number of previous attempts among the outgoing
// metadata.
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

// previousAttempts returns a context with nothing but n under previousAttemptsKey.
func previousAttempts(n int) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), previousAttemptsKey, strconv.Itoa(n))
}

// attemptContext adds the outgoing metadata of another context to a context without any:
// one allocation, where AppendToOutgoingContext has four.
type attemptContext struct {
	context.Context
	previous context.Context // holds that metadata only
}

// Value implements context.Context.
func (c *attemptContext) Value(key any) any {
	if v := c.previous.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}
