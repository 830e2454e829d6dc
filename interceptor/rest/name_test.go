package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// TestTransport_names: a model's method has the name that it has over gRPC, and the gate's
// key names the model, the project and the hash of a key.
func TestTransport_names(t *testing.T) {
	const vertex = "google.cloud.aiplatform."
	for path, want := range map[string]string{
		"/v1beta/models/m:generateContent":                                          "google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent",
		"/v1/models/m:embedContent":                                                 "google.ai.generativelanguage.v1.GenerativeService/EmbedContent",
		"/v1beta/tunedModels/m:streamGenerateContent":                               "google.ai.generativelanguage.v1beta.GenerativeService/StreamGenerateContent",
		"/v1beta/models/imagen:predict":                                             "google.ai.generativelanguage.v1beta.PredictionService/Predict",
		"/proxy/gemini/v1beta/models/m:countTokens":                                 "google.ai.generativelanguage.v1beta.GenerativeService/CountTokens",
		"/v1/projects/p/locations/l/publishers/google/models/m:generateContent":     vertex + "v1.PredictionService/GenerateContent",
		"/v1beta1/publishers/google/models/m:generateContent":                       vertex + "v1beta1.PredictionService/GenerateContent",
		"/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict": vertex + "v1.PredictionService/StreamRawPredict",
		"/v1/projects/p/locations/l/endpoints/e:predict":                            vertex + "v1.PredictionService/Predict",
		"/v1/projects/p/locations/l/publishers/google/models/m:countTokens":         vertex + "v1.LlmUtilityService/CountTokens",
		"/v1/projects/p/locations/l/models/m:upload":                                "host.test/POST",
		"/v1beta/cachedContents":                                                    "host.test/POST",
		"/v1/x/models/m:generateContent":                                            "host.test/POST",
		"/v1beta/models/m:":                                                         "host.test/POST",
		"/v1beta/models/m:Generate Content":                                         "host.test/POST",
		"":                                                                          "host.test/POST",
	} {
		var got interceptor.Event
		r := interceptor.New(interceptor.WithObserver(func(_ context.Context, e interceptor.Event) { got = e }))
		transport := rest.Transport(r, roundTripper(func(*http.Request) (*http.Response, error) { return response(http.StatusOK, ""), nil }))
		req := request(t, http.MethodPost, "http://host.test", "")
		req.URL.Path = path
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got.Method != "/"+want || got.Target != "host.test" {
			t.Errorf("%s is %s at %s, want /%s", path, got.Method, got.Target, want)
		}
	}
}

// TestTransport_gateKeys: two keys of an API, two models and two projects have gates of
// their own, and no key shows.
func TestTransport_gateKeys(t *testing.T) {
	const v1 = "http://vertex.test/v1/projects/"
	header := func(name, value string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set(name, value) }
	}
	same := func(*http.Request) {}
	for name, tt := range map[string]struct {
		first, second string
		a, b          func(*http.Request)
		keys          int
	}{
		"one key":           {generate, generate, header("X-Goog-Api-Key", "AIza1"), header("X-Goog-Api-Key", "AIza1"), 1},
		"two keys":          {generate, generate, header("X-Goog-Api-Key", "AIza1"), header("X-Goog-Api-Key", "AIza2"), 2},
		"keys in the query": {generate + "?key=AIza1", generate + "?key=AIza2", same, same, 2},
		"two tokens":        {elsewhere, elsewhere, header("Authorization", "Bearer 1"), header("Authorization", "Bearer 2"), 2},
		"who pays":          {generate, generate, header("X-Goog-User-Project", "a"), header("X-Goog-User-Project", "b"), 2},
		"two projects":      {v1 + "a/locations/l/publishers/google/models/m:generateContent", v1 + "b/locations/l/publishers/google/models/m:generateContent", same, same, 2},
		"two models":        {generate, "http://gemini.test/v1beta/models/other:generateContent", same, same, 2},
		"stream and unary":  {generate, stream, same, same, 1},
		"two servers":       {elsewhere, "http://other.test/orders", same, same, 2},
	} {
		t.Run(name, func(t *testing.T) {
			keys := map[string]bool{}
			inWorld(t, func(w http.ResponseWriter, _ *http.Request, _ int) { say(w, http.StatusTooManyRequests, perMinute) }, func(w *world) {
				for _, one := range []struct {
					url  string
					with func(*http.Request)
				}{{tt.first, tt.a}, {tt.second, tt.b}} {
					req := request(w.t, http.MethodPost, one.url, "x")
					one.with(req)
					w.do(req)
				}
			}, interceptor.WithGateObserver(func(e interceptor.GateEvent) { keys[e.Target+" "+e.Key] = true }))
			if len(keys) != tt.keys {
				t.Errorf("gates of %v, want %d", keys, tt.keys)
			}
			for key := range keys {
				for _, secret := range []string{"AIza", "Bearer"} {
					if strings.Contains(key, secret) {
						t.Errorf("%q shows a secret", key)
					}
				}
			}
		})
	}
}
