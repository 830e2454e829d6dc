package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// TestEndpoint_threeCalls: -endpoint alone makes three calls to the service named.
func TestEndpoint_threeCalls(t *testing.T) {
	t.Parallel()
	s := newService(t, func(string, string, int) server.Step { return server.Step{} })
	got := s.run(t.Context(), 0, "-json")
	wantStatus(t, got, exit.OK)
	calls := 0
	for _, o := range objects(t, got.out) {
		if o["type"] == "call" {
			calls++
		}
	}
	if calls != 3 {
		t.Errorf("%d calls, want 3:\n%s", calls, got.out)
	}
}

// TestEndpoint_overREST: -rest asks the service at -endpoint in its REST form, with the key,
// and an error without the key in it is shown.
func TestEndpoint_overREST(t *testing.T) {
	t.Parallel()
	const key = "AIzaSyD-secret"
	var keys, paths []string
	var mu sync.Mutex
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		keys, paths = append(keys, r.Header.Get("X-Goog-Api-Key")), append(paths, r.URL.Path)
		n := len(keys)
		mu.Unlock()
		if n > 1 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error": {"code": 400, "message": "no such key: `+key+`", "status": "INVALID_ARGUMENT"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"candidates": [{"content": {"parts": [{"text": "an answer"}]}, "finishReason": "STOP"}]}`)
	}))
	t.Cleanup(web.Close)
	got := runWorld(t.Context(), app.World{
		Args: []string{"-endpoint", strings.TrimPrefix(web.URL, "http://"), "-insecure", "-rest", "-prompts", "-", "-parallel", "1"},
		In:   strings.NewReader("one\ntwo\n"), Getenv: environment(app.KeyVariable, key),
	})
	wantStatus(t, got, exit.Failed)
	all := records(t, got.out)
	if len(all) != 2 || all[0].Answer != "an answer" || all[1].Error == nil || strings.Contains(got.out+got.errs, key) {
		t.Errorf("got %s %s, want an answer, and an error without the key", got.out, got.errs)
	}
	if !slices.Equal(keys, []string{key, key}) || paths[0] != "/v1beta/models/gemini-2.5-flash:generateContent" {
		t.Errorf("got the keys %q at %q", keys, paths)
	}
}
