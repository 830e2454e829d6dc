package policy

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
)

// Account says what pays for a retry.
type Account uint8

// The accounts.
const (
	// Free: the retry costs nothing. A Quota retry after the server's own hint adds only the
	// load asked for by the server. A retry with fresh credentials has its own reason to
	// succeed, whatever happens to other calls.
	Free Account = iota
	// Tokens: the retry costs one token of the budget.
	Tokens
	// Earned: the retry costs one token of the account filled by successes alone. This account
	// pays for retries after an attempt timeout of our own.
	Earned
)

// String returns the name of the account, or "Account(n)" for an unknown number.
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

// BudgetConfig sets how many tokens a [Budget] holds and earns. One token pays for one retry.
// Figures are rounded to thousandths. The zero value holds and earns nothing, so only free
// retries happen. Most callers should use [DefaultBudget].
type BudgetConfig struct {
	// Max is the most tokens held. Start is the number of tokens at first: 0 to Max.
	Max, Start float64
	// Earn is the number of tokens added by each successful call: 0 or more.
	Earn float64
	// EarnedMax and EarnedEarn are Max and Earn of the [Earned] account, initially empty.
	EarnedMax, EarnedEarn float64
	// EarnedStart is the number of tokens, 0 to EarnedMax, that pay for retries after attempt
	// timeouts before any success has: only after an attempt went without an answer for 30 s
	// ([Patience]).
	EarnedStart float64
}

// DefaultBudget returns the default figures: 100 tokens, full at the start, 1 earned per
// success; for the earned account at most 10, 0.1 earned per success, and 1 for a silence of 30 s. Measured
// (TestBudget_ordinaryBatch) against a server refusing 30 % of the attempts: with gRPC's
// figures (gRFC A6: 10 tokens, 0.1 earned) .75 of a batch's calls succeed, with these figures
// the .99 promised by the default table.
func DefaultBudget() BudgetConfig {
	return BudgetConfig{Max: 100, Start: 100, Earn: 1, EarnedMax: 10, EarnedEarn: 0.1, EarnedStart: 1}
}

// AttemptTimeoutBudget returns the figures for a connection with an attempt timeout: those of
// [DefaultBudget], but with 1 token at first and 0.1 earned per success. Abandoned attempts
// still cost the server time, and retries after other failures come on top: with the figures of
// [DefaultBudget] a server takes longer to recover than without retries (bench/fleet,
// TestFleet_attemptTimeoutBudget). 0.1 is the figure of gRFC A6.
func AttemptTimeoutBudget() BudgetConfig {
	c := DefaultBudget()
	c.Start, c.Earn = 1, 0.1
	return c
}

// maxTokens bounds every figure of a budget, so that thousandths of tokens fit into 64 bits.
const maxTokens = 1e9

// Validate returns an error naming each invalid field and the expected range, or nil.
func (c BudgetConfig) Validate() error {
	var errs []error
	check := func(name string, v, limit float64, limitName string) bool {
		bad := math.IsNaN(v) || v < 0 || v > limit
		if bad {
			errs = append(errs, fmt.Errorf("policy: budget: %s %v: want 0 to %s", name, v, limitName))
		}
		return !bad
	}
	if check("max", c.Max, maxTokens, "1e9") { // without a valid max, start has no valid range
		check("start", c.Start, c.Max, fmt.Sprintf("max %v", c.Max))
	}
	check("earn", c.Earn, maxTokens, "1e9")
	if check("earned max", c.EarnedMax, maxTokens, "1e9") {
		check("earned start", c.EarnedStart, c.EarnedMax, fmt.Sprintf("earned max %v", c.EarnedMax))
	}
	check("earned earn", c.EarnedEarn, maxTokens, "1e9")
	return errors.Join(errs...)
}

// Budget bounds the retries of all calls sharing it, so that clients do not turn a server's
// trouble into an outage. Over any window, the retries costing a token are at most the tokens
// held plus those earned.
//
// Share a Budget by pointer between connections to the same service. A Budget is safe for
// concurrent use and must not be copied. A nil Budget never runs out.
type Budget struct {
	tokens, earned account
	reserve        account // EarnedStart
}

// account is a bucket of thousandths of tokens.
type account struct {
	held      atomic.Int64
	max, earn int64
}

// NewBudget returns a budget with the figures of c, or the error from [BudgetConfig.Validate].
func NewBudget(c BudgetConfig) (*Budget, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b := &Budget{
		tokens: account{max: thousandths(c.Max), earn: thousandths(c.Earn)},
		earned: account{max: thousandths(c.EarnedMax), earn: thousandths(c.EarnedEarn)},
	}
	b.tokens.held.Store(thousandths(c.Start))
	b.reserve.held.Store(thousandths(c.EarnedStart))
	return b, nil
}

// one is one token, in thousandths.
const one = 1000

func thousandths(tokens float64) int64 { return int64(math.Round(tokens * one)) }

// Held returns the tokens in the two accounts: positive infinity for a nil Budget.
func (b *Budget) Held() (tokens, earned float64) {
	if b == nil {
		return math.Inf(1), math.Inf(1)
	}
	return float64(b.tokens.held.Load()) / one, float64(b.earned.held.Load()) / one
}

// Take takes one token from account a and reports whether a token was left. [Free] never runs
// out.
func (b *Budget) Take(a Account) bool {
	bucket := b.bucket(a)
	if bucket == nil {
		return true
	}
	return bucket.take()
}

// Return gives back a token taken for a retry that did not start.
func (b *Budget) Return(a Account) {
	if bucket := b.bucket(a); bucket != nil {
		bucket.add(one)
	}
}

// Success adds the tokens earned by a successful call. A full budget is only read.
func (b *Budget) Success() {
	if b == nil {
		return
	}
	b.tokens.add(b.tokens.earn)
	b.earned.add(b.earned.earn)
}

// bucket returns the account named by a, or nil if the retry costs nothing.
func (b *Budget) bucket(a Account) *account {
	switch {
	case b == nil || a == Free:
		return nil
	case a == Earned:
		return &b.earned
	}
	return &b.tokens
}

// add adds n thousandths, up to the maximum.
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

// take takes one token, and reports whether a token was left.
func (a *account) take() bool {
	for {
		held := a.held.Load()
		if held < one {
			return false
		}
		if a.held.CompareAndSwap(held, held-one) {
			return true
		}
	}
}

// reserved reports whether a token for a silent attempt is left.
func (b *Budget) reserved() bool { return b != nil && b.reserve.held.Load() >= one }
