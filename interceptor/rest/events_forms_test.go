package rest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTransport_formsOfEvents: an error as the first event is found behind a byte order
// mark, and before a blank line of another kind than the lines before.
func TestTransport_formsOfEvents(t *testing.T) {
	failed := "data: " + strings.ReplaceAll(overloaded, "\n", "")
	for _, first := range []string{"\ufeff" + failed + "\n\n", failed + "\n\r\n", failed + "\r\n\r\n"} {
		late := []stage{{text: first}, {after: time.Minute, text: "data: {}\n\n"}}
		inWorld(t, events(late, []stage{{text: "data: {}\n\n"}}), func(w *world) {
			if got := w.do(request(w.t, http.MethodPost, stream, "x")); got.body != "data: {}\n\n" || w.attempts() != 2 {
				t.Errorf("%q: got %q after %d attempts, want the second", first, got.body, w.attempts())
			}
		})
	}
}

// TestTransport_heldStreams: a subscription and a coded stream are delivered before their
// first event.
func TestTransport_heldStreams(t *testing.T) {
	for name, tt := range map[string]struct{ method, url, coding string }{
		"a subscription":  {http.MethodGet, "http://news.test/events", ""},
		"a coded stream":  {http.MethodPost, stream, "br"},
		"a coded GET too": {http.MethodGet, stream, "br"},
	} {
		t.Run(name, func(t *testing.T) {
			late := events([]stage{{after: time.Minute, text: "data: {}\n\n"}})
			h := func(w http.ResponseWriter, req *http.Request, n int) {
				if tt.coding != "" {
					w.Header().Set("Content-Encoding", tt.coding)
				}
				late(w, req, n)
			}
			inWorld(t, h, func(w *world) {
				began := time.Now()
				resp, err := w.client.Do(request(w.t, tt.method, tt.url, "x"))
				if err != nil {
					t.Fatal(err)
				}
				if held := time.Since(began); held > 0 {
					t.Errorf("held for %v", held)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			})
		})
	}
}
