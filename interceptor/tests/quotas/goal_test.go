package quotas_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestQuotas_goal: workers with prompts of all sizes use up a known quota of requests and
// tokens, and next to no request is refused, whether the server counts by fixed minutes, by a
// rolling minute, or by a bucket. Beside it, the same workers without known limits.
func TestQuotas_goal(t *testing.T) {
	for _, counts := range []string{"fixed", "rolling", "bucket"} {
		for name, mean := range map[string]int{"small prompts": 500, "mixed prompts": 1667, "large prompts": 5000} {
			t.Run(counts+" minutes, "+name, func(t *testing.T) {
				limits := interceptor.WithQuotas(policy.Quota{Pattern: "*", Requests: 60, Tokens: 100_000})
				known := play(t, &quota{counts: counts}, mean, limits)
				streams := play(t, &quota{counts: counts, streams: true}, mean, limits)
				named := play(t, &quota{counts: counts, tells: true}, mean, interceptor.WithCost(func(_ string, req any) policy.Cost {
					return policy.Cost{Tokens: int64(proto.Size(req.(proto.Message))+3) / 4}
				}))
				without := play(t, &quota{counts: counts}, mean)
				t.Logf("known: %v; with streams: %v; named by refusals: %v; without: %v", known, streams, named, without)
				for _, q := range []*quota{known, streams} {
					if q.used() < .97 && !grpctest.RaceEnabled {
						t.Errorf("%.3f of the quota used, want at least .97", q.used())
					}
					if share := q.refusedShare(); share > .01 {
						t.Errorf("%.3f of the requests refused, want at most .01", share)
					}
				}
			})
		}
	}
}

// plays is how long the workers call: less with the race detector, which is for races.
func plays() time.Duration {
	if grpctest.RaceEnabled {
		return 3 * time.Minute
	}
	return 30 * time.Minute
}

// play lets 20 workers call.
func play(t *testing.T, q *quota, mean int, opts ...interceptor.Option) *quota {
	synctest.Test(t, func(t *testing.T) {
		q.requests, q.tokens, q.began = 60, 100_000, time.Now().Add(-20*time.Second)
		s := &grpctest.Server{Unary: q.serve, Stream: q.stream}
		conn := grpctest.Serve(t, s, interceptor.DialOptions(opts...)...)
		ctx, cancel := context.WithTimeout(t.Context(), plays())
		defer cancel()
		var wg sync.WaitGroup
		for worker := range 20 {
			wg.Go(func() {
				dice := rand.New(rand.NewPCG(1, uint64(worker))) //nolint:gosec // repeatable, not secret
				for ctx.Err() == nil {
					tokens := mean/10 + dice.IntN(2*mean*9/10)
					if err := q.ask(ctx, conn, tokens); err != nil {
						time.Sleep(time.Second)
					}
				}
			})
		}
		wg.Wait()
	})
	return q
}
