package policy_test

import (
	"math"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// validator is what every piece of configuration is.
type validator interface{ Validate() error }

// wantError checks the whole text of an error; an empty want is no error.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got error:\n%s\nwant:\n%s", got, want)
	}
}

// row is a valid policy with one thing changed.
func row(change func(*policy.Policy)) policy.Policy {
	p := policy.Policy{Retries: 2, Base: 5 * time.Second, Max: 120 * time.Second, Multiplier: 3}
	change(&p)
	return p
}

// tableWith is the default table with one row replaced.
func tableWith(class codes.Class, p policy.Policy) policy.Table {
	t := policy.Default()
	t[class] = p
	return t
}

func TestPolicyValidate_texts(t *testing.T) {
	cases := []struct {
		name string
		in   policy.Policy
		want string
	}{
		{"a valid row", row(func(*policy.Policy) {}), ""},
		{"the most retries", row(func(p *policy.Policy) { p.Retries = 100 }), ""},
		{"no wait needs no multiplier", policy.Policy{Retries: 3}, ""},
		{"a constant backoff", policy.Policy{Retries: 1, Base: time.Second, Max: time.Second, Multiplier: 1}, ""},
		{
			"negative retries", row(func(p *policy.Policy) { p.Retries = -1 }),
			"policy: retries -1: want >= 0",
		},
		{
			"too many retries", row(func(p *policy.Policy) { p.Retries = 101 }),
			"policy: retries 101: want <= 100",
		},
		{
			"a negative base", row(func(p *policy.Policy) { p.Base = -time.Second }),
			"policy: base -1s: want >= 0s",
		},
		{
			"a max below the base", row(func(p *policy.Policy) { p.Max = 4 * time.Second }),
			"policy: max 4s: want >= base 5s",
		},
		{
			"a negative max without a base",
			policy.Policy{Max: -1},
			"policy: max -1ns: want >= base 0s",
		},
		{
			"a shrinking multiplier", row(func(p *policy.Policy) { p.Multiplier = 0.5 }),
			"policy: multiplier 0.5: want >= 1",
		},
		{
			"a multiplier that was forgotten", row(func(p *policy.Policy) { p.Multiplier = 0 }),
			"policy: multiplier 0: want >= 1",
		},
		{
			"a negative multiplier without a base",
			policy.Policy{Multiplier: -1},
			"policy: multiplier -1: want >= 1",
		},
		{
			"a multiplier that is no number", row(func(p *policy.Policy) { p.Multiplier = math.NaN() }),
			"policy: multiplier NaN: want >= 1",
		},
		{
			"an infinite multiplier", row(func(p *policy.Policy) { p.Multiplier = math.Inf(1) }),
			"policy: multiplier +Inf: want >= 1",
		},
		{
			"an unknown jitter", row(func(p *policy.Policy) { p.Jitter = 5 }),
			"policy: jitter 5: want Above, Full, Equal, Symmetric or None",
		},
		{
			"several faults",
			policy.Policy{Retries: -1, Base: 2, Max: 1, Multiplier: 0.5, Jitter: 9},
			"policy: retries -1: want >= 0\n" +
				"policy: max 1ns: want >= base 2ns\n" +
				"policy: multiplier 0.5: want >= 1\n" +
				"policy: jitter 9: want Above, Full, Equal, Symmetric or None",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, c.in.Validate(), c.want) })
	}
}

func TestTableValidate_texts(t *testing.T) {
	two := policy.Default()
	two[codes.Quota].Retries = -1
	two[codes.Other].Base = -1
	cases := []struct {
		name string
		in   policy.Table
		want string
	}{
		{"the default", policy.Default(), ""},
		{
			"a fault names its class",
			tableWith(codes.Quota, row(func(p *policy.Policy) { p.Retries = -1 })),
			"policy: Quota: retries -1: want >= 0",
		},
		{
			"faults of two rows", two,
			"policy: Quota: retries -1: want >= 0\npolicy: Other: base -1ns: want >= 0s",
		},
		{
			"a row that is never read is checked all the same",
			tableWith(codes.Spent, policy.Policy{Max: -time.Second}),
			"policy: Spent: max -1s: want >= base 0s",
		},
		{
			"success has nothing to retry", tableWith(codes.None, policy.Policy{Retries: 2}),
			"policy: None: retries 2: want 0, there is nothing to retry",
		},
		{
			"a caller that has gone has nothing to retry", tableWith(codes.Ended, policy.Policy{Retries: 1}),
			"policy: Ended: retries 1: want 0, there is nothing to retry",
		},
		{"any other class may be retried", tableWith(codes.Conflict, policy.Policy{Retries: 1}), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, c.in.Validate(), c.want) })
	}
}

func TestLimitsAndBudgetValidate_texts(t *testing.T) {
	budget := func(change func(*policy.BudgetConfig)) policy.BudgetConfig {
		c := policy.DefaultBudget()
		change(&c)
		return c
	}
	cases := []struct {
		name string
		in   validator
		want string
	}{
		{"all limits set", policy.Limits{MaxAttempts: 1, MaxElapsed: 1, MaxServerDelay: 1}, ""},
		{
			"negative attempts",
			policy.Limits{MaxAttempts: -1},
			"policy: max attempts -1: want >= 1, or 0 for the default",
		},
		{
			"a negative elapsed time",
			policy.Limits{MaxElapsed: -time.Second},
			"policy: max elapsed -1s: want > 0s, or 0s for the default",
		},
		{
			"a negative server delay",
			policy.Limits{MaxServerDelay: -time.Minute},
			"policy: max server delay -1m0s: want > 0s, or 0s for the default",
		},
		{
			"every limit wrong",
			policy.Limits{MaxAttempts: -2, MaxElapsed: -1, MaxServerDelay: -1},
			"policy: max attempts -2: want >= 1, or 0 for the default\n" +
				"policy: max elapsed -1ns: want > 0s, or 0s for the default\n" +
				"policy: max server delay -1ns: want > 0s, or 0s for the default",
		},
		{"the default budget", policy.DefaultBudget(), ""},
		{"the largest budget", policy.BudgetConfig{Max: 1e9, Start: 1e9, Earn: 1e9, EarnedMax: 1e9, EarnedEarn: 1e9}, ""},
		{
			"a negative max", budget(func(c *policy.BudgetConfig) { c.Max, c.Start = -1, -1 }),
			"policy: budget: max -1: want 0 to 1e9",
		},
		{
			"a max that is no number", budget(func(c *policy.BudgetConfig) { c.Max = math.NaN() }),
			"policy: budget: max NaN: want 0 to 1e9",
		},
		{
			"a start above the max", budget(func(c *policy.BudgetConfig) { c.Start = 101 }),
			"policy: budget: start 101: want 0 to max 100",
		},
		{
			"a start that is no number", budget(func(c *policy.BudgetConfig) { c.Start = math.NaN() }),
			"policy: budget: start NaN: want 0 to max 100",
		},
		{
			"negative earnings", budget(func(c *policy.BudgetConfig) { c.Earn = -0.5 }),
			"policy: budget: earn -0.5: want 0 to 1e9",
		},
		{
			"infinite earnings", budget(func(c *policy.BudgetConfig) { c.Earn = math.Inf(1) }),
			"policy: budget: earn +Inf: want 0 to 1e9",
		},
		{
			"an earned account that is too large", budget(func(c *policy.BudgetConfig) { c.EarnedMax = 2e9 }),
			"policy: budget: earned max 2e+09: want 0 to 1e9",
		},
		{
			"a start above the most earned", budget(func(c *policy.BudgetConfig) { c.EarnedStart = 11 }),
			"policy: budget: earned start 11: want 0 to earned max 10",
		},
		{
			"an earned account that shrinks", budget(func(c *policy.BudgetConfig) { c.EarnedEarn = -1 }),
			"policy: budget: earned earn -1: want 0 to 1e9",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, c.in.Validate(), c.want) })
	}
}

// TestNewBudget_saysWhatValidateSays: a constructor must not have an opinion
// of its own.
func TestNewBudget_saysWhatValidateSays(t *testing.T) {
	budget, err := policy.NewBudget(policy.BudgetConfig{Max: 1, Start: 2})
	wantError(t, err, "policy: budget: start 2: want 0 to max 1")
	if budget != nil {
		t.Errorf("got budget %v beside an error, want nil", budget)
	}
}

func TestLimitsEffective(t *testing.T) {
	set := policy.Limits{MaxAttempts: 3, MaxElapsed: time.Minute, MaxServerDelay: time.Second}
	defaults := policy.Limits{MaxAttempts: 8, MaxElapsed: 600 * time.Second, MaxServerDelay: 300 * time.Second}
	raised := defaults
	raised.MaxAttempts = 21
	long := tableWith(codes.Server, policy.Policy{Retries: 20})
	standard := policy.Default()
	cases := []struct {
		name     string
		in, want policy.Limits
		table    *policy.Table
	}{
		{"nothing set, the default table", policy.Limits{}, defaults, &standard},
		{"nothing set, no table", policy.Limits{}, defaults, nil},
		{"nothing set, a long row", policy.Limits{}, raised, &long},
		{"all set", set, set, &standard},
		{"all set, a long row", set, set, &long},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.in.Effective(c.table); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestLimitsOr_fillsOnlyWhatIsZero(t *testing.T) {
	others := policy.Limits{MaxAttempts: 7, MaxElapsed: 7 * time.Second, MaxServerDelay: 7 * time.Minute}
	cases := []struct {
		name     string
		in, want policy.Limits
	}{
		{"nothing set takes all of the others", policy.Limits{}, others},
		{
			"attempts set stay",
			policy.Limits{MaxAttempts: 2},
			policy.Limits{MaxAttempts: 2, MaxElapsed: 7 * time.Second, MaxServerDelay: 7 * time.Minute},
		},
		{
			"elapsed set stays",
			policy.Limits{MaxElapsed: 2},
			policy.Limits{MaxAttempts: 7, MaxElapsed: 2, MaxServerDelay: 7 * time.Minute},
		},
		{
			"a server delay set stays",
			policy.Limits{MaxServerDelay: 2},
			policy.Limits{MaxAttempts: 7, MaxElapsed: 7 * time.Second, MaxServerDelay: 2},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.in.Or(others); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
