package policy_test

import (
	"math/rand/v2"
	"testing"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestBudget_ordinaryBatch is where the figures of the default budget come
// from: a batch against a server that refuses 30 % of the attempts should
// succeed as the default table promises, which gRPC's own figures prevent.
func TestBudget_ordinaryBatch(t *testing.T) {
	success := func(c policy.BudgetConfig) float64 {
		budget, err := policy.NewBudget(c)
		if err != nil {
			t.Fatal(err)
		}
		const calls = 20_000
		table, dice := policy.Default(), rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a simulation, the same every time
		succeeded := 0
		for range calls {
			s := policy.State{Table: &table, Attempts: 1, Repeatable: true}
			for {
				if dice.Float64() >= 0.3 {
					budget.Success()
					succeeded++
					break
				}
				s.Tokens, s.Earned = budget.Held()
				d := policy.Decide(s, codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable}, dice.Float64())
				if !d.Retry || !budget.Take(d.Pays) {
					break
				}
				s = s.Count(d)
			}
		}
		return float64(succeeded) / calls
	}
	if got := success(policy.DefaultBudget()); got < 0.99 {
		t.Errorf("with the default budget %.3f of the calls succeed, want at least .99", got)
	}
	if got := success(policy.BudgetConfig{Max: 10, Start: 10, Earn: 0.1}); got > 0.80 {
		t.Errorf("with gRPC's figures %.3f of the calls succeed: is the default's reason still one?", got)
	} else {
		t.Logf("with gRPC's figures %.3f of the calls succeed", got)
	}
}
