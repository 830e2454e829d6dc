package genairest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"google.golang.org/genai"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
	"github.com/reinvoke/reinvoke/policy"
)

const (
	model     = "gemini-2.5-flash"
	perMinute = `{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED", "details": [
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.1s"}]}}`
	overloaded = `{"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}}`
	wrongKey   = `{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}`
	expired = `{"error": {"code": 401, "message": "Expired.", "status": "UNAUTHENTICATED", "details": [
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_EXPIRED", "domain": "googleapis.com"}]}}`
	good = `{"candidates": [{"content": {"role": "model", "parts": [{"text": "Rayleigh scattering."}]}, "finishReason": "STOP"}]}`
)

// gemini is a server of Gemini and Vertex AI that gives one answer after the other, and
// then good ones.
type gemini struct {
	bodies []string // of errors; the HTTP status is their code

	mu      sync.Mutex
	calls   int
	paths   []string
	headers []http.Header
}

func (g *gemini) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.calls++
	n := g.calls
	g.paths, g.headers = append(g.paths, r.URL.Path), append(g.headers, r.Header)
	g.mu.Unlock()
	stream := r.URL.Query().Get("alt") == "sse"
	w.Header().Set("Content-Type", "application/json")
	if n <= len(g.bodies) && g.bodies[n-1] != "" {
		body := g.bodies[n-1]
		var e struct{ Error struct{ Code int } }
		if json.Unmarshal([]byte(body), &e) != nil {
			e.Error.Code = http.StatusBadGateway
		}
		w.WriteHeader(e.Error.Code)
		_, _ = w.Write([]byte(body))
		return
	}
	if stream {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: %s\n\ndata: %s\n\n", good, good)
		return
	}
	_, _ = w.Write([]byte(good))
}

// attempts returns how many attempts have arrived.
func (g *gemini) attempts() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}

// serve starts the server.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// retrier has the default table with delays of a millisecond at most.
func retrier(opts ...interceptor.Option) *interceptor.Retrier {
	table := policy.Default()
	for class := range table {
		table[class].Base, table[class].Max = table[class].Base/5000, table[class].Max/5000
	}
	return interceptor.New(append([]interceptor.Option{interceptor.WithTable(table)}, opts...)...)
}

// configs returns the configurations of both backends, with an HTTP client under test.
func configs(url string, client *http.Client) map[string]*genai.ClientConfig {
	return map[string]*genai.ClientConfig{
		"Gemini": {APIKey: "none", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: url}, HTTPClient: client},
		"Vertex": {Project: "p", Location: "l", Backend: genai.BackendVertexAI, HTTPOptions: genai.HTTPOptions{BaseURL: url}, HTTPClient: client},
	}
}

// TestGenai_unary: a refusal with a hint and an overload are retried, and the method has
// the name that it has over gRPC.
func TestGenai_unary(t *testing.T) {
	names := map[string]string{
		"Gemini": "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent",
		"Vertex": "/google.cloud.aiplatform.v1beta1.PredictionService/GenerateContent",
	}
	for name, want := range names {
		t.Run(name, func(t *testing.T) {
			g := &gemini{bodies: []string{perMinute, overloaded}}
			var method string
			r := retrier(interceptor.WithObserver(func(_ context.Context, e interceptor.Event) { method = e.Method }))
			client, err := genai.NewClient(t.Context(), configs(serve(t, g), rest.Client(r, nil))[name])
			if err != nil {
				t.Fatal(err)
			}
			reply, err := client.Models.GenerateContent(t.Context(), model, genai.Text("Why is the sky blue?"), nil)
			if err != nil || reply.Text() != "Rayleigh scattering." {
				t.Fatalf("got %v, %v", reply, err)
			}
			if g.attempts() != 3 || method != want {
				t.Errorf("%d attempts of %s (%v), want 3 of %s", g.attempts(), method, g.paths, want)
			}
		})
	}
}

// TestGenai_error: the caller gets genai's own error, whole, after one attempt and after
// several.
func TestGenai_error(t *testing.T) {
	for body, attempts := range map[string]int{wrongKey: 1, overloaded: 4} {
		g := &gemini{bodies: []string{body, body, body, body, body}}
		client, err := genai.NewClient(t.Context(), configs(serve(t, g), rest.Client(retrier(), nil))["Gemini"])
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Models.GenerateContent(t.Context(), model, genai.Text("Why?"), nil)
		api, ok := errors.AsType[genai.APIError](err)
		var want struct{ Error genai.APIError }
		if json.Unmarshal([]byte(body), &want) != nil || !ok || api.Error() != want.Error.Error() || g.attempts() != attempts {
			t.Errorf("got %v after %d attempts, want %v after %d", err, g.attempts(), want.Error, attempts)
		}
	}
}
