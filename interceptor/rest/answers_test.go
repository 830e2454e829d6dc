package rest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// TestTransport_withoutABody: an answer without a body is delivered as it came, and
// leaves no context behind if nobody closes it.
func TestTransport_withoutABody(t *testing.T) {
	for _, body := range []io.ReadCloser{http.NoBody, nil} {
		inWorld(t, nil, func(w *world) {
			var attempt context.Context
			code := http.StatusNoContent
			w.over(roundTripper(func(req *http.Request) (*http.Response, error) {
				attempt = req.Context() //nolint:fatcontext // to see whether it ends
				return &http.Response{StatusCode: code, Header: http.Header{}, Body: body}, nil
			}))
			resp, err := w.client.Do(request(w.t, http.MethodGet, elsewhere, ""))
			if err != nil || resp.Body != http.NoBody || attempt.Err() == nil {
				t.Errorf("%v; the context has ended with %v", err, attempt.Err())
			}
			_ = resp.Body.Close()
			code = http.StatusServiceUnavailable
			if got := w.do(request(w.t, http.MethodGet, elsewhere, "")); got.err != nil || got.status != code {
				t.Errorf("got %+v, want the 503", got)
			}
		})
	}
}

// TestTransport_malformed: a request that net/http refuses is not repeated, and the error
// does not tell the key.
func TestTransport_malformed(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		outside := request(w.t, http.MethodPost, generate, "x")
		outside.Header.Set("X-Goog-Api-Key", "AIzaSECRET\n")
		inside := rest.Client(w.r, func(req *http.Request) error {
			req.Header.Set("Authorization", "Bearer SECRET\n")
			return nil
		})
		began := time.Now()
		got := w.do(outside)
		w.client = inside
		for _, err := range []error{got.err, w.do(request(w.t, http.MethodPost, generate, "x")).err} {
			if err == nil || time.Since(began) > 0 || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("%v after %v, want an error at once", err, time.Since(began))
			}
		}
	})
}

// TestTransport_timeouts: the error of an attempt timeout and that of a client's timeout
// say that they are timeouts.
func TestTransport_timeouts(t *testing.T) {
	for name, opts := range map[string][]interceptor.Option{
		"of the client": nil, "of an attempt": {interceptor.WithAttemptTimeout(3 * time.Second), interceptor.WithoutBudget()},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(http.ResponseWriter, *http.Request, int) { time.Sleep(time.Hour) }, func(w *world) {
				if opts == nil {
					w.client.Timeout = 3 * time.Second
				}
				got := w.do(request(w.t, http.MethodPost, elsewhere, "x"))
				if timeout, ok := errors.AsType[net.Error](got.err); !ok || !timeout.Timeout() {
					t.Errorf("got %v, want a timeout", got.err)
				}
			}, opts...)
		})
	}
}
