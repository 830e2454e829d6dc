package batch

import (
	"bytes"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// outcome is what came of a batch.
type outcome struct {
	took             time.Duration
	requests, failed int
}

// playBatch asks so many prompts of an embedded server with a quota, in the time of a
// bubble.
func playBatch(t *testing.T, q server.Quota, parallel, prompts int, opts ...interceptor.Option) (got outcome) {
	t.Helper()
	var results bytes.Buffer
	got.took = inBubble(t, q, &Batch{Parallel: parallel, Results: terminal.NewOutput(&results)}, prompts, opts...)
	for _, r := range records(t, results.String()) {
		got.requests += r.Attempts
		if r.Error != nil {
			got.failed++
		}
	}
	return got
}

// TestBatch_quota: however many prompts are asked at a time, a quota by the minute is
// used up, with few requests more than prompts, and no later than one at a time.
func TestBatch_quota(t *testing.T) {
	t.Parallel()
	const prompts = 391
	const chance = 2 * time.Second                                                                                        // by which two runs differ
	for name, q := range map[string]server.Quota{"requests": {Requests: 60}, "tokens": {Requests: 10_000, Tokens: 120}} { // two a prompt
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alone := playBatch(t, q, 1, prompts)
			for _, parallel := range []int{2, 4, 50} {
				got := playBatch(t, q, parallel, prompts)
				used := prompts / (60 * got.took.Minutes())
				t.Logf("-parallel %d: %v, with 1 %v; %.3f of the quota, %d requests", parallel, got.took, alone.took, used, got.requests)
				if got.failed > 0 || alone.failed > 0 {
					t.Errorf("-parallel %d: %d prompts failed, and %d with 1: want none", parallel, got.failed, alone.failed)
				}
				if used < 0.95 || got.took > alone.took+chance {
					t.Errorf("-parallel %d: took %v, which is %.3f of the quota; want at least .95, and no longer than the %v with 1", parallel, got.took, used, alone.took)
				}
				if most := prompts * 11 / 10; got.requests > most {
					t.Errorf("-parallel %d: %d requests, want at most %d", parallel, got.requests, most)
				}
			}
			if off := playBatch(t, q, 50, prompts, interceptor.WithoutGate()); off.failed == 0 || off.requests < prompts*5/4 {
				t.Errorf("-gate=off: %d prompts failed with %d requests: want failures, or this proves nothing", off.failed, off.requests)
			}
		})
	}
}
