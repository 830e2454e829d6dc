//go:build !race

package rest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// TestTransport_allocs: what a call that succeeds at once costs beside the same call
// without the transport: its context, its copy of the request, the notes of what was
// written, and the body that ends the context. docs/rest.md has the figure.
func TestTransport_allocs(t *testing.T) {
	const most = 11
	resp := response(http.StatusOK, good)
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		resp.Body = http.NoBody
		return resp, nil
	})
	cost := func(transport http.RoundTripper) float64 {
		req := request(t, http.MethodPost, generate, "x")
		return testing.AllocsPerRun(200, func() {
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	bare, with := cost(base), cost(rest.Transport(interceptor.New(), base))
	if with-bare > most {
		t.Errorf("%v allocations more than the %v of the bare call, want at most %d", with-bare, bare, most)
	}
}
