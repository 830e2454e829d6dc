package policy

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
)

// Account is what pays for a retry.
type Account uint8

// The accounts.
const (
	// Free: the retry costs nothing. A retry of Quota that waits out the
	// server's own hint adds no load that the server did not ask for; one with fresh
	// credentials has a reason to succeed, whatever becomes of other calls.
	Free Account = iota
	// Tokens: one token of the budget.
	Tokens
	// Earned: one token of the account that only successes fill. It pays for
	// retries after an attempt timeout of our own.
	Earned
)

// String returns the name of the account, or "Account(n)" for a number that
// is none.
func (a Account) String() string {
	switch a {
	case Free:
		return "Free"
	case Tokens:
		return "Tokens"
	case Earned:
		return "Earned"
	}
	return fmt.Sprintf("Account(%d)", uint8(a))
}

// BudgetConfig says how much a [Budget] holds and earns, in tokens, where one
// token pays for one retry; figures are rounded to thousandths. The zero value
// holds none and earns none: no retry but a free one. Most callers should use
// [DefaultBudget].
type BudgetConfig struct {
	// Max is the most tokens held, and Start how many there are to begin
	// with: 0 to Max.
	Max, Start float64
	// Earn is what each successful call adds: 0 or more.
	Earn float64
	// EarnedMax and EarnedEarn are the same for the [Earned] account, which
	// starts empty.
	EarnedMax, EarnedEarn float64
}

// DefaultBudget returns the figures that are used where no others are given:
// 100 tokens, full at the start, one earned by each success; and for the
// earned account 10 and 0.1. Measured (TestBudget_ordinaryBatch): against a
// server that refuses 30 % of the attempts gRPC's own figures, 10 tokens and
// 0.1 earned (gRFC A6), let a batch succeed in .75 of its calls, these in the
// .99 that the default table promises.
func DefaultBudget() BudgetConfig {
	return BudgetConfig{Max: 100, Start: 100, Earn: 1, EarnedMax: 10, EarnedEarn: 0.1}
}

// AttemptTimeoutBudget returns the figures for a connection with an attempt
// timeout: as [DefaultBudget], but with 1 token to begin with and 0.1 earned by
// each success. Attempts that are given up go on costing the server time, so
// that a full budget would keep it overloaded for good. Measured (bench/fleet, B2
// with 100,000 clients): with 2 tokens, which no success has earned, 1.5 points fewer
// calls succeed than without retries, with 1 token 0.3; 0.1 is the figure of gRFC A6.
func AttemptTimeoutBudget() BudgetConfig {
	c := DefaultBudget()
	c.Start, c.Earn = 1, 0.1
	return c
}

// maxTokens bounds every figure of a budget, so that thousandths of tokens fit
// into 64 bits.
const maxTokens = 1e9

// Validate returns an error that names the field and what was expected, or
// nil.
func (c BudgetConfig) Validate() error {
	var errs []error
	check := func(name string, v, limit float64, limitName string) bool {
		bad := math.IsNaN(v) || v < 0 || v > limit
		if bad {
			errs = append(errs, fmt.Errorf("policy: budget: %s %v: want 0 to %s", name, v, limitName))
		}
		return !bad
	}
	if check("max", c.Max, maxTokens, "1e9") { // a wrong max says nothing about the start
		check("start", c.Start, c.Max, fmt.Sprintf("max %v", c.Max))
	}
	check("earn", c.Earn, maxTokens, "1e9")
	check("earned max", c.EarnedMax, maxTokens, "1e9")
	check("earned earn", c.EarnedEarn, maxTokens, "1e9")
	return errors.Join(errs...)
}

// Budget bounds the retries of all calls that share it, so that clients do
// not turn a server's trouble into an outage: over any window, the retries
// that cost a token are at most the tokens held plus those earned.
//
// Share one by pointer between connections to the same service. It is safe
// for concurrent use and must not be copied. A nil Budget never runs out.
type Budget struct {
	tokens, earned account
}

// account is a bucket of thousandths of tokens.
type account struct {
	held      atomic.Int64
	max, earn int64
}

// NewBudget returns a budget of these figures, or the error that Validate
// returns for them.
func NewBudget(c BudgetConfig) (*Budget, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b := &Budget{
		tokens: account{max: thousandths(c.Max), earn: thousandths(c.Earn)},
		earned: account{max: thousandths(c.EarnedMax), earn: thousandths(c.EarnedEarn)},
	}
	b.tokens.held.Store(thousandths(c.Start))
	return b, nil
}

// one is one token.
const one = 1000

func thousandths(tokens float64) int64 { return int64(math.Round(tokens * one)) }

// Held returns the tokens of the two accounts: positive infinity for a nil
// Budget.
func (b *Budget) Held() (tokens, earned float64) {
	if b == nil {
		return math.Inf(1), math.Inf(1)
	}
	return float64(b.tokens.held.Load()) / one, float64(b.earned.held.Load()) / one
}

// Take takes one token from the account and reports whether there was one.
// [Free] always has one.
func (b *Budget) Take(a Account) bool {
	bucket := b.bucket(a)
	if bucket == nil {
		return true
	}
	for {
		held := bucket.held.Load()
		if held < one {
			return false
		}
		if bucket.held.CompareAndSwap(held, held-one) {
			return true
		}
	}
}

// Return gives back a token that was taken for a retry that did not start.
func (b *Budget) Return(a Account) {
	if bucket := b.bucket(a); bucket != nil {
		bucket.add(one)
	}
}

// Success earns what a successful call earns. A full budget is only read.
func (b *Budget) Success() {
	if b == nil {
		return
	}
	b.tokens.add(b.tokens.earn)
	b.earned.add(b.earned.earn)
}

// bucket returns the account that a names, or nil if nothing has to be paid.
func (b *Budget) bucket(a Account) *account {
	switch {
	case b == nil || a == Free:
		return nil
	case a == Earned:
		return &b.earned
	}
	return &b.tokens
}

// add adds n, up to the maximum.
func (a *account) add(n int64) {
	for {
		held := a.held.Load()
		if held >= a.max || n == 0 {
			return
		}
		if a.held.CompareAndSwap(held, min(held+n, a.max)) {
			return
		}
	}
}
