package genairest_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// TestPeer: what Reinvoke and go-retryablehttp, both with their defaults but for the
// delays, make of the same server. docs/rest.md shows the table.
func TestPeer(t *testing.T) {
	const perDay = `{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED", "details": [
		{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}`
	failed := "data: " + strings.ReplaceAll(overloaded, "\n", "") + "\n\n"
	const model, order = "/v1beta/models/m:generateContent", "/orders"
	type outcome struct{ attempts, status int } // status 0 for an error
	for name, tt := range map[string]struct {
		path         string
		answers      []answer // the last is repeated
		ours, theirs outcome
	}{
		"overloaded twice":            {model, []answer{{503, overloaded}, {503, overloaded}, {200, good}}, outcome{3, 200}, outcome{3, 200}},
		"overloaded without end":      {model, []answer{{503, overloaded}}, outcome{4, 503}, outcome{5, 0}},
		"a daily quota is spent":      {model, []answer{{429, perDay}}, outcome{1, 429}, outcome{5, 0}},
		"a wrong request":             {model, []answer{{400, wrongKey}}, outcome{1, 400}, outcome{1, 400}},
		"an expired token":            {model, []answer{{401, expired}, {200, good}}, outcome{2, 200}, outcome{1, 401}},
		"an order, cut":               {order, []answer{{0, ""}, {200, good}}, outcome{1, 0}, outcome{2, 200}},
		"an order, a proxy's 502":     {order, []answer{{502, "Bad Gateway"}, {200, good}}, outcome{1, 502}, outcome{2, 200}},
		"a model, cut":                {model, []answer{{0, ""}, {200, good}}, outcome{2, 200}, outcome{2, 200}},
		"an error as the first event": {model + "?alt=sse", []answer{{200, failed}, {200, "data: " + good + "\n\n"}}, outcome{2, 200}, outcome{1, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			peer := retryablehttp.NewClient()
			peer.Logger, peer.RetryWaitMin, peer.RetryWaitMax = nil, time.Millisecond, time.Millisecond
			for who, client := range map[string]*http.Client{"ours": rest.Client(retrier(), nil), "theirs": peer.StandardClient()} {
				s := &scripted{answers: tt.answers}
				url := serve(t, s)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+tt.path, strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				var got outcome
				resp, err := client.Do(req)
				if err == nil {
					got.status = resp.StatusCode
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				got.attempts = int(s.calls.Load())
				want := tt.ours
				if who == "theirs" {
					want = tt.theirs
				}
				if got != want {
					t.Errorf("%s: %+v (%v), want %+v", who, got, err, want)
				}
			}
		})
	}
}

// answer is an HTTP answer; status 0 cuts the connection.
type answer struct {
	status int
	body   string
}

// scripted is a server that gives one answer after the other.
type scripted struct {
	answers []answer
	calls   atomic.Int32
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	n := int(s.calls.Add(1))
	a := s.answers[min(n, len(s.answers))-1]
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}
