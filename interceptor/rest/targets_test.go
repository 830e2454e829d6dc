package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
)

// lite is the target of another model.
var lite = interceptor.Target{Name: "lite", Adapt: func(ctx context.Context, req any) (context.Context, any, bool) {
	r, ok := req.(*http.Request)
	if !ok || !strings.Contains(r.URL.Path, "gemini-2.5-flash") {
		return ctx, req, false
	}
	r = r.Clone(ctx)
	r.URL.Path = strings.Replace(r.URL.Path, "gemini-2.5-flash", "lite", 1)
	return ctx, r, true
}}

// perDay is the answer of a model whose quota of the day is spent.
const perDay = `{"error": {"code": 429, "message": "Quota exceeded for limit 'requests per day'.", "status": "RESOURCE_EXHAUSTED"}}`

// byModel answers requests to the model with a text, and others well.
func byModel(model, text string) handler {
	return func(w http.ResponseWriter, req *http.Request, _ int) {
		if strings.Contains(req.URL.Path, model) {
			say(w, http.StatusTooManyRequests, text)
			return
		}
		say(w, http.StatusOK, good)
	}
}

// TestTransport_targets: a call over REST goes to another model as one over gRPC does, with
// the same body, and the next call does not ask the spent model again.
func TestTransport_targets(t *testing.T) {
	inWorld(t, byModel("flash", perDay), func(w *world) {
		for range 2 {
			began := time.Now()
			if got := w.post(); got.err != nil || got.body != good || time.Since(began) != 0 {
				t.Errorf("got %+v, want the good answer at once", got)
			}
		}
		var paths []string
		for i, req := range w.seen {
			paths = append(paths, req.URL.Path)
			if w.bodies[i] != "a question" {
				t.Errorf("request %d: got the body %q", i, w.bodies[i])
			}
		}
		if got := strings.Join(paths, " "); got != "/v1beta/models/gemini-2.5-flash:generateContent /v1beta/models/lite:generateContent /v1beta/models/lite:generateContent" {
			t.Errorf("requests: %s", got)
		}
		if e := w.last(); e.TargetName != "lite" || e.Outcome != interceptor.FirstTry {
			t.Errorf("got %+v, want a first try at lite", e)
		}
	}, interceptor.WithTargets(interceptor.Target{Name: "another connection is none here", Conn: struct{ grpc.ClientConnInterface }{}}, lite))
}

// TestTransport_targetsShareGates: a target shares the gate of those who ask for its model
// themselves.
func TestTransport_targetsShareGates(t *testing.T) {
	inWorld(t, byModel("lite", perMinute), func(w *world) {
		direct := request(w.t, http.MethodPost, strings.Replace(generate, "gemini-2.5-flash", "lite", 1), "x")
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		w.do(direct.WithContext(ctx)) // closes the gate of lite
		if g := w.r.Gates(); g.Closed != 1 {
			t.Errorf("got %+v, want one closed gate", g)
		}
		attempts := w.attempts()
		soon, cancel := context.WithTimeout(w.t.Context(), 300*time.Millisecond) // too soon for a scout
		defer cancel()
		other := request(w.t, http.MethodPost, strings.Replace(generate, "gemini-2.5-flash", "lite", 1), "x").WithContext(soon)
		if got := w.do(other); got.status != http.StatusTooManyRequests || w.attempts() != attempts || !strings.Contains(got.body, "not sent") {
			t.Errorf("got %+v, want a call turned away", got)
		}
		if got := w.post(); got.status != http.StatusOK {
			t.Errorf("got %+v, want the preferred model", got)
		}
	}, interceptor.WithTargets(lite))
}
