package rest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// roundTripper is a transport of the test's own.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// response returns a response without a server.
func response(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// cut ends the connection of the first attempts, the request read.
func cut(attempts int) handler {
	return func(w http.ResponseWriter, _ *http.Request, n int) {
		if n > attempts {
			say(w, http.StatusOK, good)
			return
		}
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
}

const elsewhere = "http://shop.test/orders"

// TestTransport_repeatsWhatMayRunTwice: a request that the server has read and not
// answered is sent again only if that does no harm.
func TestTransport_repeatsWhatMayRunTwice(t *testing.T) {
	key := func(req *http.Request) { req.Header.Set("Idempotency-Key", "1") }
	declared := func(req *http.Request) {
		*req = *req.WithContext(interceptor.NewContext(req.Context(), interceptor.Repeatable()))
	}
	denied := func(req *http.Request) {
		*req = *req.WithContext(interceptor.NewContext(req.Context(), interceptor.NotRepeatable()))
	}
	for name, tt := range map[string]struct {
		method, url string
		with        func(*http.Request)
		attempts    int
	}{
		"an order":              {http.MethodPost, elsewhere, nil, 1},
		"an order with a key":   {http.MethodPost, elsewhere, key, 2},
		"a declared order":      {http.MethodPost, elsewhere, declared, 2},
		"PATCH":                 {http.MethodPatch, elsewhere, nil, 1},
		"GET":                   {http.MethodGet, elsewhere, nil, 2},
		"HEAD":                  {http.MethodHead, elsewhere, nil, 2},
		"PUT":                   {http.MethodPut, elsewhere, nil, 2},
		"DELETE":                {http.MethodDelete, elsewhere, nil, 2},
		"OPTIONS":               {http.MethodOptions, elsewhere, nil, 2},
		"a GET that must not":   {http.MethodGet, elsewhere, denied, 1},
		"a GET that does more":  {http.MethodGet, "http://vertex.test/v1/projects/p/locations/l/datasets/d/datasetVersions/v:restore", nil, 1},
		"generateContent":       {http.MethodPost, generate, nil, 2},
		"predictLongRunning":    {http.MethodPost, "http://gemini.test/v1beta/models/veo:predictLongRunning", nil, 1},
		"a model of no API":     {http.MethodPost, "http://shop.test/models/x:generateContent", nil, 1},
		"an agent, asked again": {http.MethodPost, "http://vertex.test/v1/projects/p/locations/l/reasoningEngines/x:query", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, cut(1), func(w *world) {
				req := request(w.t, tt.method, tt.url, "x")
				if tt.with != nil {
					tt.with(req)
				}
				got := w.do(req)
				if w.attempts() != tt.attempts || (got.err == nil) != (tt.attempts == 2) {
					t.Errorf("%v after %d attempts, want %d", got.err, w.attempts(), tt.attempts)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				if first := w.events[0]; first.Failure.Class != codes.Network || first.Failure.Reach != codes.Lost {
					t.Errorf("the first attempt is %v, %v (%s), want Network, Lost", first.Failure.Class, first.Failure.Reach, first.Failure.Rule)
				}
			})
		})
	}
}

// TestTransport_unsent: what was never written is sent again, whatever the method, and a
// transport that reports nothing proves nothing.
func TestTransport_unsent(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for name, tt := range map[string]struct {
		base     http.RoundTripper
		class    codes.Class
		reach    codes.Reach
		attempts int
	}{
		"no connection":                    {&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}, codes.Network, codes.Unsent, 6},
		"a transport that reports nothing": {roundTripper(func(*http.Request) (*http.Response, error) { return nil, refused }), codes.Network, codes.Lost, 1},
		"a certificate that is refused": {
			&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				return nil, &tls.CertificateVerificationError{Err: errors.New("x509: certificate signed by unknown authority")}
			}}, codes.Request, codes.Unsent, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.over(tt.base)
				got := w.do(request(w.t, http.MethodPost, elsewhere, "x"))
				e := w.last()
				if got.err == nil || e.Attempt != tt.attempts || e.Failure.Class != tt.class || e.Failure.Reach != tt.reach {
					t.Errorf("%v after %d attempts: %v, %v (%s), want %d, %v, %v", got.err, e.Attempt, e.Failure.Class, e.Failure.Reach, e.Failure.Rule, tt.attempts, tt.class, tt.reach)
				}
				var final *interceptor.Error
				if errors.As(got.err, &final) != (tt.attempts > 1 || tt.reach == codes.Lost) {
					t.Errorf("got %v, want history after several attempts, or advice", got.err)
				}
			})
		})
	}
}

// TestTransport_proxyAnswers: without an error of the API, a 502 or 503 does not prove
// that nothing ran.
func TestTransport_proxyAnswers(t *testing.T) {
	for body, attempts := range map[string]int{overloaded: 2, "upstream": 1} {
		h := func(w http.ResponseWriter, _ *http.Request, n int) {
			if n > 1 {
				say(w, http.StatusOK, good)
				return
			}
			say(w, http.StatusServiceUnavailable, body)
		}
		inWorld(t, h, func(w *world) {
			if w.do(request(w.t, http.MethodPost, elsewhere, "x")); w.attempts() != attempts {
				t.Errorf("%s: %d attempts, want %d", body, w.attempts(), attempts)
			}
		})
	}
}

// TestTransport_leavesUploadsAlone: the clients repeat the parts of a resumable upload.
func TestTransport_leavesUploadsAlone(t *testing.T) {
	inWorld(t, script(overloaded), func(w *world) {
		req := request(w.t, http.MethodPost, "http://gemini.test/upload/v1beta/files", "x")
		req.Header.Set("X-Goog-Upload-Command", "upload, finalize")
		if got := w.do(req); got.status != http.StatusServiceUnavailable || w.attempts() != 1 {
			t.Errorf("%d after %d attempts, want the 503 after one", got.status, w.attempts())
		}
	})
}
