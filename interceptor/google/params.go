package google

import (
	"context"
	"net/url"
	"strings"

	"google.golang.org/grpc/metadata"
)

// requestParams is the header by which Google's services route a call: "model=models%2Fx".
const requestParams = "x-goog-request-params"

// withParams returns ctx with other values in the routing header, and reports whether a
// value was replaced.
func withParams(ctx context.Context, replace func(key, value string) (string, bool)) (context.Context, bool) {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		return ctx, false
	}
	replaced := false
	for i, params := range md[requestParams] {
		pairs := strings.Split(params, "&")
		for n, pair := range pairs {
			key, escaped, _ := strings.Cut(pair, "=")
			value, err := url.QueryUnescape(escaped)
			if err != nil {
				continue
			}
			if other, ok := replace(key, value); ok {
				pairs[n], replaced = key+"="+url.QueryEscape(other), true
			}
		}
		md[requestParams][i] = strings.Join(pairs, "&")
	}
	if !replaced {
		return ctx, false
	}
	return metadata.NewOutgoingContext(ctx, md), true
}
