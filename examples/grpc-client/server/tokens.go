package server

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
)

// firstToken counts as expired for the embedded server when the script says
// so.
const firstToken = "Bearer demo-token-1" //nolint:gosec // worth nothing

// Tokens are per-RPC credentials for the embedded server. As with real
// credentials, every attempt asks for a token; here each attempt gets a new
// token, and the token after an expired token is fresh.
//
// Cached tokens are like those of a token source with a cache: the server refuses a
// cached token until Refresh.
type Tokens struct {
	issued atomic.Int64
	cached atomic.Bool
}

// Reset makes the next token the first token.
func (t *Tokens) Reset(cached bool) {
	t.issued.Store(0)
	t.cached.Store(cached)
}

// Refresh drops the cached token.
func (t *Tokens) Refresh(context.Context) error {
	t.issued.Add(1)
	return nil
}

// GetRequestMetadata returns the next token, or the cached token.
func (t *Tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	n := t.issued.Load() + 1
	if !t.cached.Load() {
		n = t.issued.Add(1)
	}
	return map[string]string{"authorization": fmt.Sprintf("Bearer demo-token-%d", n)}, nil
}

// Authorize sets the token of an attempt over REST.
func (t *Tokens) Authorize(req *http.Request) error {
	md, err := t.GetRequestMetadata(req.Context())
	req.Header.Set("Authorization", md["authorization"])
	return err
}

// RequireTransportSecurity returns false: the embedded server speaks plain
// text, and the tokens are worth nothing.
func (t *Tokens) RequireTransportSecurity() bool { return false }

// ToEmbedded returns the options to talk to the embedded server.
func ToEmbedded(s *Server, t *Tokens) []option.ClientOption {
	return gemini.PlainText(s.Address(), grpc.WithPerRPCCredentials(t))
}

// tokenOf returns the token of a call.
func tokenOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if values := md.Get("authorization"); len(values) > 0 {
		return values[0]
	}
	return ""
}
