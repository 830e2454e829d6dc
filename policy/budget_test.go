package policy_test

import (
	"math"
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

// newBudget returns a budget of figures that are known to be valid.
func newBudget(t *testing.T, c policy.BudgetConfig) *policy.Budget {
	t.Helper()
	b, err := policy.NewBudget(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantHeld checks both accounts of a budget.
func wantHeld(t *testing.T, b *policy.Budget, tokens, earned float64) {
	t.Helper()
	if gotTokens, gotEarned := b.Held(); gotTokens != tokens || gotEarned != earned {
		t.Errorf("holds %v tokens and %v earned, want %v and %v", gotTokens, gotEarned, tokens, earned)
	}
}

func TestBudget_accounts(t *testing.T) {
	b := newBudget(t, policy.BudgetConfig{Max: 3, Start: 2, Earn: 0.5, EarnedMax: 1.2, EarnedEarn: 0.4})
	take := func(a policy.Account, want bool) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := b.Take(a); got != want {
				t.Errorf("Take(%v) = %v, want %v", a, got, want)
			}
		}
	}
	giveBack := func(a policy.Account) func(*testing.T) { return func(*testing.T) { b.Return(a) } }
	success := func(*testing.T) { b.Success() }
	steps := []struct {
		name           string
		do             func(*testing.T)
		tokens, earned float64
	}{
		{"it begins with its start, and nothing earned", func(*testing.T) {}, 2, 0},
		{"nothing can be taken of what was not earned", take(policy.Earned, false), 2, 0},
		{"a retry takes one token", take(policy.Tokens, true), 1, 0},
		{"the last one too", take(policy.Tokens, true), 0, 0},
		{"then there is none", take(policy.Tokens, false), 0, 0},
		{"a free retry needs none", take(policy.Free, true), 0, 0},
		{"a success earns in both accounts", success, 0.5, 0.4},
		{"half a token pays for nothing", take(policy.Tokens, false), 0.5, 0.4},
		{"a second one", success, 1, 0.8},
		{"a third one stops at the maximum of the earned", success, 1.5, 1.2},
		{"one was earned", take(policy.Earned, true), 1.5, 0.2},
		{"but not two", take(policy.Earned, false), 1.5, 0.2},
		{"what was not used comes back", giveBack(policy.Earned), 1.5, 1.2},
		{"coming back stops at the maximum too", giveBack(policy.Earned), 1.5, 1.2},
		{"a token comes back", giveBack(policy.Tokens), 2.5, 1.2},
		{"up to the maximum", giveBack(policy.Tokens), 3, 1.2},
		{"what was free does not", giveBack(policy.Free), 3, 1.2},
		{"a full budget earns nothing", success, 3, 1.2},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			step.do(t)
			wantHeld(t, b, step.tokens, step.earned)
		})
	}
}

func TestBudget_nilNeverRunsOut(t *testing.T) {
	var b *policy.Budget
	for _, a := range []policy.Account{policy.Free, policy.Tokens, policy.Earned} {
		for range 1000 {
			if !b.Take(a) {
				t.Fatalf("Take(%v) = false, want a nil budget to be endless", a)
			}
		}
		b.Return(a)
	}
	b.Success()
	wantHeld(t, b, math.Inf(1), math.Inf(1))
}

func TestBudget_zeroHoldsNothing(t *testing.T) {
	var b policy.Budget
	b.Success()
	b.Return(policy.Tokens)
	b.Return(policy.Earned)
	wantHeld(t, &b, 0, 0)
	if b.Take(policy.Tokens) || b.Take(policy.Earned) {
		t.Error("a token was taken of an empty budget")
	}
	if !b.Take(policy.Free) {
		t.Error("Take(Free) = false, want what is free to need no token")
	}
}

// TestBudget_roundsToThousandths: small earnings add up exactly, since they
// are whole numbers of thousandths.
func TestBudget_roundsToThousandths(t *testing.T) {
	b := newBudget(t, policy.BudgetConfig{Max: 10, Earn: 0.1, EarnedMax: 10, EarnedEarn: 0.0004})
	for range 10 {
		b.Success()
	}
	wantHeld(t, b, 1, 0)
	if !b.Take(policy.Tokens) {
		t.Error("ten times a tenth is not enough for a token")
	}
}

// TestBudget_decideAndTakeAgree: what Decide allows on the figures of Held,
// Take can pay.
func TestBudget_decideAndTakeAgree(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		c := policy.BudgetConfig{Max: 3, Start: r.Float64() * 3, Earn: r.Float64(), EarnedMax: 2, EarnedEarn: r.Float64()}
		b := newBudget(t, c)
		for range r.IntN(4) {
			b.Success()
		}
		s := firstFailure(func(s *policy.State) {
			s.Tokens, s.Earned = b.Held()
			s.OwnTimeout = coin(r, 2)
		})
		d := policy.Decide(s, unavailable(), 0)
		account := policy.Tokens
		if s.OwnTimeout {
			account = policy.Earned
		}
		if got := b.Take(account); got != d.Retry {
			t.Fatalf("%+v holds %v and %v: Decide says %+v, Take(%v) says %v", c, s.Tokens, s.Earned, d, account, got)
		}
	}
}
