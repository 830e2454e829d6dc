package explain

import (
	"testing"

	"github.com/reinvoke/reinvoke/internal/reports"
	"github.com/reinvoke/reinvoke/policy"
)

// TestExplain_wants: of what was reported as a text alone, -explain says what is right.
func TestExplain_wants(t *testing.T) {
	all, err := reports.Read(reportsFolder)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, r := range all {
		if r.Kind() != reports.Pasted {
			continue
		}
		tried++
		t.Run(r.Name, func(t *testing.T) {
			p, err := explain(r.Message)
			if err != nil {
				t.Fatal(err)
			}
			x, err := newExplanation(policy.DefaultConfig(), p)
			if err != nil {
				t.Fatal(err)
			}
			d := policy.Decide(x.state, x.failure, 0)
			if x.failure.Class.String() != r.Want.Class || d.Retry != (r.Want.Action == "retry") {
				t.Errorf("class %v, retried %v, want %s, %s: %s", x.failure.Class, d.Retry, r.Want.Class, r.Want.Action, r.Why)
			}
		})
	}
	if tried < 6 {
		t.Errorf("there are %d such reports, want at least 6", tried)
	}
}
