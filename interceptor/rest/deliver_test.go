package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
)

// TestTransport_closesWhatItLeaves: the body of every response but the last is closed, and
// the last is the caller's.
func TestTransport_closesWhatItLeaves(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	var bodies []*once
	var contexts []context.Context
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		body := &once{Reader: strings.NewReader(long)}
		bodies, contexts = append(bodies, body), append(contexts, req.Context())
		resp := response(http.StatusServiceUnavailable, "")
		resp.Body = body
		return resp, nil
	})
	inWorld(t, nil, func(w *world) {
		w.over(base)
		req := request(w.t, http.MethodPost, generate, "x")
		resp, err := w.client.Do(req)
		if err != nil || len(bodies) != 4 {
			t.Fatalf("%v after %d attempts, want 4", err, len(bodies))
		}
		for n, body := range bodies {
			if got, want := body.closed.Load(), n < len(bodies)-1; (got == 1) != want {
				t.Errorf("body %d was closed %d times, want it closed: %v", n+1, got, want)
			}
		}
		if last := contexts[3]; last.Err() != nil {
			t.Error("the context of the last attempt has ended before its body was read")
		}
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != long || resp.Request != req {
			t.Errorf("got %d bytes, %v, of the caller's request: %v", len(got), err, resp.Request == req)
		}
		if contexts[3].Err() == nil {
			t.Error("the context of the call outlives the end of the body")
		}
		_ = resp.Body.Close()
		if bodies[3].closed.Load() == 0 {
			t.Error("the last body was not closed")
		}
	})
}

// TestTransport_errorOfASingleAttempt: comes as the transport has made it.
func TestTransport_errorOfASingleAttempt(t *testing.T) {
	mine := errors.New("mine")
	inWorld(t, nil, func(w *world) {
		transport := w.client.Transport
		w.over(roundTripper(func(*http.Request) (*http.Response, error) { return nil, mine }))
		req := request(w.t, http.MethodGet, elsewhere, "x")
		req = req.WithContext(interceptor.NewContext(req.Context(), interceptor.Disable()))
		if _, err := w.client.Transport.RoundTrip(req); err != mine { //nolint:errorlint,bodyclose // the very same
			t.Errorf("got %v, want the transport's own error", err)
		}
		w.client.Transport = transport
	})
}

// TestTransport_turnedAway: a call whose turn at the gate comes too late is answered as
// Google would answer, and nothing is sent.
func TestTransport_turnedAway(t *testing.T) {
	const hour = `{"error": {"code": 429, "message": "Later.", "status": "RESOURCE_EXHAUSTED", "details": [
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "100s"}]}}`
	refuse := func(w http.ResponseWriter, _ *http.Request, _ int) { say(w, http.StatusTooManyRequests, hour) }
	inWorld(t, refuse, func(w *world) {
		shortly := func() (*http.Request, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
			return request(w.t, http.MethodPost, generate, "x").WithContext(ctx), cancel
		}
		var got got
		var body *once
		before := 0
		for range 20 { // until no scout is left
			time.Sleep(500 * time.Millisecond)
			req, cancel := shortly()
			body = &once{Reader: strings.NewReader("x")}
			req.Body, req.GetBody, before = body, nil, w.attempts()
			got = w.do(req)
			cancel()
			if w.attempts() == before {
				break
			}
		}
		if w.attempts() != before || got.err != nil || got.status != http.StatusTooManyRequests {
			t.Fatalf("got %+v after %d attempts, want an answer of the gate", got, w.attempts())
		}
		if body.closed.Load() != 1 {
			t.Error("the body of a call that was not sent stays open")
		}
		after := got.header.Get("Retry-After")
		for _, want := range []string{`"code":429`, `"status":"RESOURCE_EXHAUSTED"`, "google.rpc.RetryInfo", "not sent: ", "WithoutGate()"} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%q is not in %s", want, got.body)
			}
		}
		if len(after) != 2 && len(after) != 3 { // of the 100 s some are over
			t.Errorf("Retry-After: %q", after)
		}
	})
}

// open is a breaker that lets nothing through.
type open struct{}

// Allow implements interceptor.Breaker.
func (open) Allow() (func(error), error) { return nil, errors.New("open") }

// TestTransport_breaker: a call that the breaker refuses is answered with a 503.
func TestTransport_breaker(t *testing.T) {
	inWorld(t, script(), func(w *world) {
		got := w.post()
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"status":"UNAVAILABLE"`) || w.attempts() != 0 {
			t.Errorf("got %+v after %d attempts", got, w.attempts())
		}
	}, interceptor.WithBreaker(open{}))
}

// TestTransport_serverTimeout: each attempt gives the server the time that is left.
func TestTransport_serverTimeout(t *testing.T) {
	for name, tt := range map[string]struct {
		timeout time.Duration
		header  string
		want    []string
	}{
		"the whole deadline": {30 * time.Second, "30", []string{"30", "23"}},
		"less than that":     {time.Minute, "30", []string{"30", "30"}},
		"none":               {30 * time.Second, "", []string{"", ""}},
		"no deadline":        {0, "30", []string{"30", "30"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, script(perMinute), func(w *world) {
				req := request(w.t, http.MethodPost, generate, "x")
				if tt.timeout > 0 {
					ctx, cancel := context.WithTimeout(req.Context(), tt.timeout)
					defer cancel()
					req = req.WithContext(ctx)
				}
				if tt.header != "" {
					req.Header.Set("X-Server-Timeout", tt.header)
				}
				if got := w.do(req); got.status != http.StatusOK || req.Header.Get("X-Server-Timeout") != tt.header {
					t.Fatalf("got %+v; the caller's request says %q", got, req.Header.Get("X-Server-Timeout"))
				}
				for n, seen := range w.seen {
					if got := seen.Header.Get("X-Server-Timeout"); got != tt.want[n] {
						t.Errorf("attempt %d gives the server %q s, want %q", n+1, got, tt.want[n])
					}
				}
			})
		})
	}
}
