package app

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// firstToken is the one that the embedded server takes for expired when its
// script says so.
const firstToken = "Bearer demo-token-1" //nolint:gosec // worth nothing

// tokens are per-RPC credentials for the embedded server. Like those of the
// real thing they are asked again for every attempt; here each gets a token
// of its own, so that the one after an expired token is a fresh one.
//
// Cached ones are like those of a token source that keeps its token until it
// expires: if the server takes it no longer, someone has to say so.
type tokens struct {
	issued atomic.Int64
	cached atomic.Bool
}

// reset makes the next token the first one.
func (t *tokens) reset(cached bool) {
	t.issued.Store(0)
	t.cached.Store(cached)
}

// refresh drops the token that is cached.
func (t *tokens) refresh(context.Context) error {
	t.issued.Add(1)
	return nil
}

// GetRequestMetadata returns the next token, or the one that is cached.
func (t *tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	n := t.issued.Load() + 1
	if !t.cached.Load() {
		n = t.issued.Add(1)
	}
	return map[string]string{"authorization": fmt.Sprintf("Bearer demo-token-%d", n)}, nil
}

// RequireTransportSecurity returns false: the embedded server speaks plain
// text, and the tokens are worth nothing.
func (t *tokens) RequireTransportSecurity() bool { return false }

// toEmbedded returns the options to talk to the embedded server.
func toEmbedded(s *server, t *tokens) []option.ClientOption {
	return plainText(s.address(), grpc.WithPerRPCCredentials(t))
}

// tokenOf returns the token that a call came in with.
func tokenOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if values := md.Get("authorization"); len(values) > 0 {
		return values[0]
	}
	return ""
}
