package google

import (
	"context"
	"net/http"
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
	if !ok || !replaceParams(md[requestParams], replace) {
		return ctx, false
	}
	return metadata.NewOutgoingContext(ctx, md), true
}

// replaceParams replaces values in routing headers, and reports whether it has.
func replaceParams(headers []string, replace func(key, value string) (string, bool)) (replaced bool) {
	for i, params := range headers {
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
		headers[i] = strings.Join(pairs, "&")
	}
	return replaced
}

// replaceHeader is replaceParams for a request over REST, as Google's generated clients for
// REST send it.
func replaceHeader(h http.Header, replace func(key, value string) (string, bool)) {
	for name, values := range h { // the clients spell it in lower case
		if strings.EqualFold(name, requestParams) {
			replaceParams(values, replace)
		}
	}
}
