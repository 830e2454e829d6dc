package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
)

// TestTransport_restOfAnErrorEvent: what follows an error that is not retried can be read,
// with an attempt timeout too.
func TestTransport_restOfAnErrorEvent(t *testing.T) {
	const failed, after = "data: {\"error\": {\"code\": 400, \"message\": \"x\", \"status\": \"INVALID_ARGUMENT\"}}\n\n", ": bye\n\n"
	inWorld(t, events([]stage{{text: failed}, {after: time.Second, text: after}}), func(w *world) {
		if got := w.do(request(w.t, http.MethodPost, stream, "x")); got.err != nil || got.body != failed+after {
			t.Errorf("%q, %v, want the whole stream", got.body, got.err)
		}
	}, interceptor.WithAttemptTimeout(10*time.Second))
}
