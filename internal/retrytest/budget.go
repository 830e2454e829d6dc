package retrytest

import (
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

// Budget returns a budget with so many tokens at first and at most, and with this earning
// per success.
func Budget(t *testing.T, tokens, earn float64) *policy.Budget {
	t.Helper()
	b, err := policy.NewBudget(policy.BudgetConfig{Max: tokens, Start: tokens, Earn: earn})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// EarnedBudget returns a budget with this many earned tokens for timeouts.
func EarnedBudget(t *testing.T, tokens int) *policy.Budget {
	t.Helper()
	b, err := policy.NewBudget(policy.BudgetConfig{Max: 100, Start: 100, Earn: 1, EarnedMax: 10, EarnedEarn: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range tokens {
		b.Success()
	}
	return b
}

// WantTokens fails the test unless the budget holds this many tokens.
func WantTokens(t *testing.T, b *policy.Budget, want float64) {
	t.Helper()
	if got, _ := b.Held(); got != want {
		t.Errorf("the budget holds %v tokens, want %v", got, want)
	}
}
