package rest_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestTransport_foreignErrors: an error whose number is not Google's does not become
// Google's, and proves nothing about an order.
func TestTransport_foreignErrors(t *testing.T) {
	for body, code := range map[string]int{
		`{"code": 14, "message": "no such coupon"}`:                 http.StatusBadRequest,
		`{"code": 8, "message": "no such coupon"}`:                  http.StatusBadRequest,
		`{"error": {"code": 14, "message": "the shop's own"}}`:      http.StatusUnprocessableEntity,
		`{"code": 503, "message": "upstream timed out"}`:            http.StatusServiceUnavailable,
		`{"error": {"code": 503, "message": "upstream timed out"}}`: http.StatusServiceUnavailable,
	} {
		h := func(w http.ResponseWriter, _ *http.Request, _ int) { say(w, code, body) }
		inWorld(t, h, func(w *world) {
			if got := w.do(request(w.t, http.MethodPost, elsewhere, "x")); got.status != code || w.attempts() != 1 {
				t.Errorf("%s: %d after %d attempts, want one", body, got.status, w.attempts())
			}
		})
	}
	inWorld(t, script("["+overloaded+"]"), func(w *world) { // a list, as of a stream without alt=sse
		if got := w.do(request(w.t, http.MethodPost, elsewhere, "x")); got.status != http.StatusOK || w.attempts() != 2 {
			t.Errorf("%d after %d attempts, want 2", got.status, w.attempts())
		}
	})
}

// TestTransport_zippedErrors: an error that the caller wants in gzip is understood.
func TestTransport_zippedErrors(t *testing.T) {
	h := func(w http.ResponseWriter, _ *http.Request, n int) {
		if n > 1 {
			say(w, http.StatusOK, good)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusTooManyRequests)
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, perMinute)
		_ = zip.Close()
	}
	inWorld(t, h, func(w *world) {
		req := request(w.t, http.MethodPost, generate, "x")
		req.Header.Set("Accept-Encoding", "gzip")
		if w.do(req); !slices.Equal(w.gaps(), []time.Duration{7 * time.Second}) {
			t.Errorf("waited %v, want the 7 s that were asked", w.gaps())
		}
	})
}
