package server

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
)

// firstToken is the one that the embedded server takes for expired when its
// script says so.
const firstToken = "Bearer demo-token-1" //nolint:gosec // worth nothing

// Tokens are per-RPC credentials for the embedded server. Like those of the
// real thing they are asked again for every attempt; here each gets a token
// of its own, so that the one after an expired token is a fresh one.
//
// Cached ones are like those of a token source that keeps its token until it
// expires: if the server takes it no longer, someone has to say so.
type Tokens struct {
	issued atomic.Int64
	cached atomic.Bool
}

// Reset makes the next token the first one.
func (t *Tokens) Reset(cached bool) {
	t.issued.Store(0)
	t.cached.Store(cached)
}

// Refresh drops the token that is cached.
func (t *Tokens) Refresh(context.Context) error {
	t.issued.Add(1)
	return nil
}

// GetRequestMetadata returns the next token, or the one that is cached.
func (t *Tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	n := t.issued.Load() + 1
	if !t.cached.Load() {
		n = t.issued.Add(1)
	}
	return map[string]string{"authorization": fmt.Sprintf("Bearer demo-token-%d", n)}, nil
}

// RequireTransportSecurity returns false: the embedded server speaks plain
// text, and the tokens are worth nothing.
func (t *Tokens) RequireTransportSecurity() bool { return false }

// ToEmbedded returns the options to talk to the embedded server.
func ToEmbedded(s *Server, t *Tokens) []option.ClientOption {
	return gemini.PlainText(s.Address(), grpc.WithPerRPCCredentials(t))
}

// tokenOf returns the token that a call came in with.
func tokenOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if values := md.Get("authorization"); len(values) > 0 {
		return values[0]
	}
	return ""
}
