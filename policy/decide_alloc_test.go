package policy_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDecide_allocatesNothing: it runs while servers are in trouble and calls
// fail by the thousand.
func TestDecide_allocatesNothing(t *testing.T) {
	var (
		decision policy.Decision
		counted  policy.State
	)
	cases := []struct {
		name    string
		state   policy.State
		failure codes.Failure
	}{
		{"a backoff", firstFailure(left(time.Minute)), unavailable()},
		{"a hint", firstFailure(retried(codes.Quota, 1)), quota(time.Second)},
		{"a pushback", firstFailure(), pushedBack(unavailable(), time.Second)},
		{"no retry", firstFailure(), codes.Failure{Class: codes.Request}},
		{"no table", policy.State{}, unavailable()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := testing.AllocsPerRun(100, func() {
				decision = policy.Decide(c.state, c.failure, 0.5)
				counted = c.state.Count(decision)
			})
			if got != 0 {
				t.Errorf("Decide and Count allocate %v times, want 0", got)
			}
		})
	}
	_ = counted
}

func TestBudget_allocatesNothing(t *testing.T) {
	budget, err := policy.NewBudget(policy.DefaultBudget())
	if err != nil {
		t.Fatal(err)
	}
	got := testing.AllocsPerRun(100, func() {
		budget.Success()
		if budget.Take(policy.Tokens) {
			budget.Return(policy.Tokens)
		}
		budget.Held()
	})
	if got != 0 {
		t.Errorf("the budget allocates %v times, want 0", got)
	}
}

func TestLive_loadAllocatesNothing(t *testing.T) {
	live, err := policy.NewLive(policy.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() { live.Load().Method("/a.S/Get") }); got != 0 {
		t.Errorf("Load and Method allocate %v times, want 0", got)
	}
}
