package google

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/interceptor"
)

// Header returns the target of the same call with another header, such as the tiers of
// Vertex AI: Header("X-Vertex-AI-LLM-Shared-Request-Type", "priority") and
// Header("X-Vertex-AI-LLM-Request-Type", "shared"). A call that has the header already does
// not go there. The name of the target is the header. Header panics if key or value is
// empty, or cannot be a header.
func Header(key, value string) interceptor.Target {
	key = strings.ToLower(key)
	if key == "" || strings.ContainsFunc(key, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.", c)
	}) {
		panic(fmt.Errorf("google: Header: key %q: want the name of a header", key))
	}
	if value == "" || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
		panic(fmt.Errorf("google: Header: value %q of %s: want printable ASCII", value, key))
	}
	return interceptor.Target{Name: key + ": " + value, Adapt: header{key, value}.adapt}
}

// header is a header of requests, in lower case, with a value.
type header struct{ key, value string }

// adapt is the Adapt function of the target.
func (h header) adapt(ctx context.Context, req any) (context.Context, any, bool) {
	if req, ok := req.(*http.Request); ok {
		if slices.Equal(req.Header.Values(h.key), []string{h.value}) {
			return ctx, req, false
		}
		out := req.Clone(ctx)
		out.Header.Set(h.key, h.value)
		return ctx, out, true
	}
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	if slices.Equal(md.Get(h.key), []string{h.value}) {
		return ctx, req, false
	}
	md.Set(h.key, h.value)
	return metadata.NewOutgoingContext(ctx, md), req, true
}
