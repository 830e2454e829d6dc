package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// TestTransport_retries: the table, the hint of the body, and both forms of Retry-After
// decide about the waits, as over gRPC.
func TestTransport_retries(t *testing.T) {
	retryAfter := func(value string) handler {
		return func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				w.Header().Set("Retry-After", value)
				w.Header().Set("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
				say(w, http.StatusTooManyRequests, "slow down")
				return
			}
			say(w, http.StatusOK, good)
		}
	}
	for name, tt := range map[string]struct {
		h     handler
		waits []time.Duration
		class codes.Class
		rule  string
	}{
		"a hint of the body":   {script(perMinute), []time.Duration{7 * time.Second}, codes.Quota, "quota-hint"},
		"a server in trouble":  {script(overloaded, overloaded), []time.Duration{2 * time.Second, 4 * time.Second}, codes.Server, "overloaded"},
		"a page of a proxy":    {script("<html>Bad Gateway</html>"), []time.Duration{2 * time.Second}, codes.Server, "rest-proxy"},
		"seconds to wait":      {retryAfter("9"), []time.Duration{9 * time.Second}, codes.Quota, "quota-hint"},
		"a time to come back":  {retryAfter("Sun, 06 Nov 1994 08:49:48 GMT"), []time.Duration{11 * time.Second}, codes.Quota, "quota-hint"},
		"neither of the forms": {retryAfter("soon"), []time.Duration{5 * time.Second}, codes.Quota, "resource-exhausted"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tt.h, func(w *world) {
				if got := w.post(); got.err != nil || got.status != http.StatusOK || got.body != good {
					t.Errorf("got %+v, want the good answer", got)
				}
				if gaps := w.gaps(); !slices.Equal(gaps, tt.waits) {
					t.Errorf("waits %v, want %v", gaps, tt.waits)
				}
				e := w.last()
				if e.Outcome != interceptor.Recovered || e.Failure.Class != tt.class || e.Failure.Rule != tt.rule {
					t.Errorf("event %v, %v, %s, want recovered, %v, %s", e.Outcome, e.Failure.Class, e.Failure.Rule, tt.class, tt.rule)
				}
				if e.Method != "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent" || e.Target != "gemini.test" {
					t.Errorf("event of %s at %s", e.Method, e.Target)
				}
				for _, body := range w.bodies {
					if body != "a question" {
						t.Errorf("the server has got %q", body)
					}
				}
			}, interceptor.WithoutGate())
		})
	}
}

// TestTransport_deliversTheLastAnswer: after the retries, or without any, the caller gets
// what the server has said last, whole.
func TestTransport_deliversTheLastAnswer(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for name, tt := range map[string]struct {
		code     int
		body     string
		attempts int
	}{
		"a wrong request":            {http.StatusBadRequest, `{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}`, 1},
		"nothing there":              {http.StatusNotFound, "", 1},
		"an overload without end":    {http.StatusServiceUnavailable, overloaded, 4},
		"a body beyond what is read": {http.StatusBadGateway, long, 4},
	} {
		t.Run(name, func(t *testing.T) {
			h := func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("X-Own", "kept")
				say(w, tt.code, tt.body)
			}
			inWorld(t, h, func(w *world) {
				got := w.post()
				if got.err != nil || got.status != tt.code || got.body != tt.body || got.header.Get("X-Own") != "kept" {
					t.Errorf("got %d, %d bytes, %v, want %d with %d bytes", got.status, len(got.body), got.err, tt.code, len(tt.body))
				}
				if w.attempts() != tt.attempts {
					t.Errorf("%d attempts, want %d", w.attempts(), tt.attempts)
				}
			})
		})
	}
}
