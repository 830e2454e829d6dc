package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc/metadata"
)

// firstToken is the one that the embedded server takes for expired when its
// script says so.
const firstToken = "Bearer demo-token-1" //nolint:gosec // worth nothing

// tokens are per-RPC credentials for the embedded server. Like those of the
// real thing they are asked again for every attempt; here each gets a token
// of its own, so that the one after an expired token is a fresh one.
type tokens struct{ issued atomic.Int64 }

// reset makes the next token the first one.
func (t *tokens) reset() { t.issued.Store(0) }

// GetRequestMetadata returns the next token.
func (t *tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": fmt.Sprintf("Bearer demo-token-%d", t.issued.Add(1))}, nil
}

// RequireTransportSecurity returns false: the embedded server speaks plain
// text, and the tokens are worth nothing.
func (t *tokens) RequireTransportSecurity() bool { return false }

// tokenOf returns the token that a call came in with.
func tokenOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if values := md.Get("authorization"); len(values) > 0 {
		return values[0]
	}
	return ""
}
