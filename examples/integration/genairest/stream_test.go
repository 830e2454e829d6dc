package genairest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/genai"

	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// TestGenai_stream: a stream is retried until its first event, an error as that event
// included; a later error is the caller's.
func TestGenai_stream(t *testing.T) {
	failed := "data: " + strings.ReplaceAll(overloaded, "\n", "") + "\n\n"
	event := "data: " + good + "\n\n"
	for _, backend := range []string{"Gemini", "Vertex"} {
		for name, tt := range map[string]struct {
			streams []string
			chunks  int
			failed  bool
		}{
			"at once":                     {[]string{event + event}, 2, false},
			"an error as the first event": {[]string{failed, failed, event + event}, 2, false},
			"an error after an event":     {[]string{event + failed}, 1, true},
			"an error again and again":    {[]string{failed, failed, failed, failed}, 0, true},
		} {
			t.Run(backend+", "+name, func(t *testing.T) {
				var calls atomic.Int32
				url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					n := calls.Add(1)
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = fmt.Fprint(w, tt.streams[n-1])
				}))
				client, err := genai.NewClient(t.Context(), configs(url, rest.Client(retrier(), nil))[backend])
				if err != nil {
					t.Fatal(err)
				}
				chunks, last := 0, error(nil)
				for chunk, err := range client.Models.GenerateContentStream(t.Context(), model, genai.Text("Why?"), nil) {
					if last = err; err == nil && chunk.Text() == "Rayleigh scattering." {
						chunks++
					}
				}
				api, ok := errors.AsType[genai.APIError](last)
				if chunks != tt.chunks || ok != tt.failed || int(calls.Load()) != len(tt.streams) {
					t.Errorf("%d chunks, then %v, after %d attempts; want %d chunks after %d", chunks, last, calls.Load(), tt.chunks, len(tt.streams))
				}
				if tt.failed && api.Code != http.StatusServiceUnavailable {
					t.Errorf("got %+v, want the 503 whole", api)
				}
			})
		}
	}
}
