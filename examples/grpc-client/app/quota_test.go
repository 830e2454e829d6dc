package app

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// played is what came of a batch.
type played struct {
	took             time.Duration
	requests, failed int
}

// playBatch asks so many prompts of an embedded server with a quota, in the time of a
// bubble.
func playBatch(t *testing.T, o options, prompts int) (got played) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(world{getenv: environment()})
		p.options, p.model = o, "models/test"
		pipe := bufconn.Listen(1 << 20)
		srv := serve(cuttable(pipe), p.planner())
		defer srv.stop()
		client, err := newClient(t.Context(), interceptor.New(p.retries()...), append(
			plainText("passthrough:///embedded", grpc.WithPerRPCCredentials(&tokens{})),
			option.WithGRPCDialOption(grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) })),
		))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		var todo []prompt
		for n := range prompts {
			todo = append(todo, prompt{line: n + 1, text: fmt.Sprintf("prompt %d", n)})
		}
		results := make(chan record, prompts)
		began := time.Now()
		a := &asker{client: client, model: p.model, redactor: p.redactor, watch: func(interceptor.Event) {}}
		p.askers(t.Context(), a, feedPrompts(t.Context(), todo), func(r record) { results <- r })
		got.took = time.Since(began)
		close(results)
		for r := range results {
			got.requests += r.Attempts
			if r.Error != nil {
				got.failed++
			}
		}
	})
	return got
}

// TestBatch_quota: however many prompts are asked at a time, a quota by the minute is
// used up, with few requests more than prompts, and no later than one at a time.
func TestBatch_quota(t *testing.T) {
	t.Parallel()
	const prompts = 391
	const chance = 2 * time.Second                                                                                 // by which two runs differ
	for name, q := range map[string]quota{"requests": {requests: 60}, "tokens": {requests: 10_000, tokens: 120}} { // two a prompt
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alone := playBatch(t, options{parallel: 1, quota: q}, prompts)
			for _, parallel := range []int{2, 4, 50} {
				got := playBatch(t, options{parallel: parallel, quota: q}, prompts)
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
			if off := playBatch(t, options{parallel: 50, quota: q, gateOff: true}, prompts); off.failed == 0 || off.requests < prompts*5/4 {
				t.Errorf("-gate=off: %d prompts failed with %d requests: want failures, or this proves nothing", off.failed, off.requests)
			}
		})
	}
}

// TestMeter: what is over the quota of a minute gets the refusal of the service, with
// the time that is left, and the next minute has all of it again.
func TestMeter(t *testing.T) {
	began := time.Now()
	m := &meter{quota: quota{requests: 2, tokens: 10}, began: began}
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	for _, step := range []struct {
		at     float64
		tokens int
		wait   time.Duration // 0 if it is taken
		id     string
	}{
		{0, 8, 0, ""},
		{10, 3, 50 * time.Second, "GenerateContentInputTokensPerModelPerMinute-FreeTier"},
		{20, 2, 0, ""},
		{20.5, 0, 39500 * time.Millisecond, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},
		{60, 10, 0, ""},
		{185, 10, 0, ""}, // the minute began at 180
		{186, 1, 54 * time.Second, "GenerateContentInputTokensPerModelPerMinute-FreeTier"},
	} {
		err := m.take(at(step.at), step.tokens)
		f := codes.Classify(err, codes.Evidence{})
		if f.Delay != step.wait || f.QuotaID != step.id {
			t.Errorf("%v s, %d tokens: %v: %v of %q, want %v of %q", step.at, step.tokens, status.Convert(err).Message(), f.Delay, f.QuotaID, step.wait, step.id)
		}
		if step.wait > 0 && f.Class != codes.Quota {
			t.Errorf("%v s: class %v, want Quota", step.at, f.Class)
		}
	}
}

// TestBatch_quotaOnTheCommandLine: the server of the program has the quota, and its
// minutes are real ones; the summary says what the gate did.
func TestBatch_quotaOnTheCommandLine(t *testing.T) {
	t.Parallel()
	got := runWorld(t.Context(), world{args: []string{"-prompts", "-", "-quota", "2/1000", "-parallel", "2"}, in: strings.NewReader("a\nb\n")})
	wantStatus(t, got, succeeded)
	wantContains(t, got.errs, "2 requests a minute and 1000 tokens in them", "2 prompts asked: 2 answered")
}
