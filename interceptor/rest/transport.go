package rest

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// Transport returns an http.RoundTripper for requests through base, repeated
// as r decides; a nil base is http.DefaultTransport. A nil r panics. The
// http.RoundTripper is safe for concurrent use.
//
// The caller gets the last response as it came, errors included, its body unread; an error
// of the transport after retries wraps an [*interceptor.Error]. A call turned away by the
// gate gets a 429 in the form of Google's APIs, with a Retry-After of the time left;
// a call refused by the breaker gets a 503.
//
// A request is repeated with the body of GetBody, or else with a copy of up to
// [interceptor.WithReplayBuffer] bytes; a larger body is sent once. Credentials belong
// into base, for every attempt to get them fresh: see [Client].
//
// Resumable uploads to Google's APIs pass untouched, because the clients repeat them.
func Transport(r *interceptor.Retrier, base http.RoundTripper) http.RoundTripper {
	if r == nil {
		panic("rest: Transport: nil Retrier: want one of interceptor.New")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	t := &transport{r: r, base: base, rules: rules()}
	t.traced.Store(isTraced(base))
	return t
}

// transport is the http.RoundTripper of Transport.
type transport struct {
	r     *interceptor.Retrier
	base  http.RoundTripper
	rules []codes.Rule
	// traced means: base is known to report writes to package httptrace.
	traced atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if untouched(req) {
		return t.base.RoundTrip(req)
	}
	ctx, cancel := context.WithCancel(req.Context())
	x := &exchange{t: t, req: req, cancel: cancel}
	defer x.abandon()
	return x.deliver(t.r.Invoke(ctx, x.describe, x.attempt)) //nolint:contextcheck // the exchange has the context of its request
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach base.
func (t *transport) CloseIdleConnections() { closeIdle(t.base) }

// closeIdle closes the idle connections of a transport, if possible.
func closeIdle(base http.RoundTripper) {
	if base, ok := base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}
