package server

import (
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// TestMeter: what is over the quota of a minute gets the refusal of the service, with
// the time that is left, and the next minute has all of it again.
func TestMeter(t *testing.T) {
	began := time.Now()
	m := NewMeter(Quota{Requests: 2, Tokens: 10}, began, Quota{})
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
		err := m.Take(at(step.at), step.tokens)
		f := codes.Classify(err, codes.Evidence{})
		if f.Delay != step.wait || f.QuotaID != step.id {
			t.Errorf("%v s, %d tokens: %v: %v of %q, want %v of %q", step.at, step.tokens, status.Convert(err).Message(), f.Delay, f.QuotaID, step.wait, step.id)
		}
		if step.wait > 0 && f.Class != codes.Quota {
			t.Errorf("%v s: class %v, want Quota", step.at, f.Class)
		}
	}
}
