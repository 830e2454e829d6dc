package rest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// exchange is one call: a request, its attempts, and the last response.
type exchange struct {
	t      *transport
	req    *http.Request
	cancel context.CancelFunc // ends the context of the call
	body   *replayed          // nil before the first attempt

	resp *http.Response // of the last attempt, to be delivered; nil for none
	sent bool           // an attempt was begun

	delivered bool // the caller has the response or the error
}

// attempt makes an attempt.
func (x *exchange) attempt(ctx context.Context, request any) interceptor.AttemptResult {
	x.sent = true
	req := x.req
	if other, ok := request.(*http.Request); ok { // of a target; the body stays
		req = other
	}
	body, err := x.nextBody() //nolint:contextcheck // the exchange has the context of its request
	if err != nil {
		// The last response, if any, goes to the caller.
		return interceptor.AttemptResult{Err: unsendable(err), Evidence: codes.Evidence{Watched: true}, Gone: true}
	}
	x.drop()
	w := new(watch) // hooks may run late
	out := req.WithContext(httptrace.WithClientTrace(ctx, w.hooks()))
	out.Body = body
	renewTimeout(out)
	resp, err := x.t.base.RoundTrip(out)
	if w.wrote.Load() {
		x.t.traced.Store(true)
	}
	if err == nil {
		resp.Request = x.req
		if resp.Body == nil { // some transports made for tests; http.Client allows it
			resp.Body = http.NoBody
		}
		x.resp = resp
		err = x.examine(ctx)
	} else {
		err = w.failureOf(out, err)
	}
	switch err.(type) { //nolint:errorlint // made in this package and never wrapped
	case nil:
		return interceptor.AttemptResult{}
	case *lost: // a stream without an event is no answer
		x.drop()
	}
	return interceptor.AttemptResult{Err: err, Evidence: x.evidence(w, err), Gone: !x.body.again()}
}

// examine returns the failure behind a response, or nil.
func (x *exchange) examine(ctx context.Context) error {
	switch {
	case x.resp.StatusCode >= http.StatusBadRequest:
		return refusal(x.resp)
	case isEvents(x.req, x.resp):
		return firstEvent(ctx, x.resp)
	}
	return nil
}

// drop closes the response of an earlier attempt.
func (x *exchange) drop() {
	if x.resp != nil {
		_ = x.resp.Body.Close()
		x.resp = nil
	}
}

// abandon ends the context of a call after a panic of base.
func (x *exchange) abandon() {
	if !x.delivered {
		x.cancel()
	}
}

// deliver returns the last response, or else an error, for the caller.
func (x *exchange) deliver(final error) (*http.Response, error) {
	x.delivered = true
	x.body.done()
	if final != nil {
		if !x.sent && x.req.Body != nil {
			_ = x.req.Body.Close()
		}
		if x.resp == nil || endedByCaller(x.req.Context(), final) {
			x.drop()
			x.cancel()
			return instead(x.req, final, x.sent)
		}
	}
	if x.resp.StatusCode == http.StatusSwitchingProtocols { // the body is a connection, and may be written to
		context.AfterFunc(x.req.Context(), x.cancel)
		return x.resp, nil
	}
	if x.resp.Body == http.NoBody { // callers may compare, and not close it
		x.cancel()
		return x.resp, nil
	}
	x.resp.Body = &delivered{ReadCloser: x.resp.Body, cancel: x.cancel}
	return x.resp, nil
}

// delivered is the body of a response. The context of the call lives until the body is
// read or closed.
type delivered struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Read implements io.Reader.
func (d *delivered) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err != nil {
		d.cancel()
	}
	return n, err
}

// Close implements io.Closer.
func (d *delivered) Close() error {
	defer d.cancel()
	return d.ReadCloser.Close()
}
