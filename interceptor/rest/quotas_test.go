package rest_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/google"
	"github.com/reinvoke/reinvoke/policy"
)

// TestTransport_quotas: calls over REST keep to a known limit of requests, and of tokens by the
// size of the body; a call whose turn comes too late is not sent.
func TestTransport_quotas(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		limit policy.Quota
		opts  []interceptor.Option
		body  int
		gaps  []time.Duration
	}{
		"requests":        {policy.Quota{Pattern: "models/*", Requests: 2, Window: 10 * s}, nil, 10, []time.Duration{0, 10*s + s/10, 0}},
		"tokens":          {policy.Quota{Pattern: "models/*", Tokens: 100, Window: 10 * s}, nil, 200, []time.Duration{0, 10*s + s/10, 0}},
		"tokens, by Cost": {policy.Quota{Pattern: "models/*", Tokens: 100, Window: 10 * s}, []interceptor.Option{interceptor.WithCost(google.Cost)}, 400, []time.Duration{10*s + s/10, 10*s + s/10, 10*s + s/10}},
		"another model":   {policy.Quota{Pattern: "models/other", Requests: 1, Window: 10 * s}, nil, 10, []time.Duration{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, script(), func(w *world) {
				for range 4 {
					if got := w.do(request(w.t, http.MethodPost, generate, strings.Repeat("x", c.body))); got.err != nil || got.status != http.StatusOK {
						w.t.Errorf("got %+v", got)
					}
				}
				for i, gap := range w.gaps() {
					if gap != c.gaps[i] {
						w.t.Errorf("requests arrived after %v, want %v", w.gaps(), c.gaps)
						break
					}
				}
				if c.gaps[2] == 0 {
					return
				}
				ctx, cancel := context.WithTimeout(w.t.Context(), s)
				defer cancel()
				got := w.do(request(w.t, http.MethodPost, generate, strings.Repeat("x", c.body)).WithContext(ctx))
				if got.err == nil && got.status != http.StatusTooManyRequests {
					w.t.Errorf("got %+v of a call whose turn comes too late, want 429 or an error", got)
				}
				if n := w.attempts(); n != 4 {
					w.t.Errorf("%d requests were sent, want 4", n)
				}
			}, append(c.opts, interceptor.WithQuotas(c.limit))...)
		})
	}
}

// TestTransport_priority: the priority of a call over REST is in its context.
func TestTransport_priority(t *testing.T) {
	inWorld(t, script(), func(w *world) {
		var wg sync.WaitGroup
		for _, body := range []string{"first", "low", "high"} {
			ctx := w.t.Context()
			if p := map[string]policy.Priority{"low": policy.LowPriority, "high": policy.HighPriority}[body]; p != 0 {
				ctx = interceptor.NewContext(ctx, interceptor.WithPriority(p))
			}
			wg.Go(func() { w.do(request(w.t, http.MethodPost, generate, body).WithContext(ctx)) }) //nolint:contextcheck // the context is the last one
			synctest.Wait()
		}
		wg.Wait()
		if got := strings.Join(w.bodies, " "); got != "first high low" {
			w.t.Errorf("requests arrived as %q, want first high low", got)
		}
	}, interceptor.WithQuotas(policy.Quota{Pattern: "models/*", Requests: 1, Window: 10 * time.Second}))
}
