package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDefault_table holds the table against the figures on paper: they are
// the specification, so a change here is a change of what is promised.
func TestDefault_table(t *testing.T) {
	const s = time.Second
	paper := []struct {
		class      codes.Class
		retries    int
		from, to   time.Duration
		multiplier float64
	}{
		{codes.None, 0, 0, 0, 0},
		{codes.Quota, 2, 5 * s, 120 * s, 3},
		{codes.Spent, 0, 0, 0, 0},
		{codes.Server, 3, 2 * s, 30 * s, 2},
		{codes.Network, 5, 1 * s, 60 * s, 2},
		{codes.Timeout, 5, 1 * s, 60 * s, 2},
		{codes.Auth, 0, 0, 0, 0},
		{codes.Expired, 1, 0, 0, 0},
		{codes.Request, 0, 0, 0, 0},
		{codes.Conflict, 0, 0, 0, 0},
		{codes.Other, 3, 1 * s, 30 * s, 2},
		{codes.Ended, 0, 0, 0, 0},
	}
	if len(paper) != codes.NumClasses {
		t.Fatalf("the paper has %d rows, want one for each of %d classes", len(paper), codes.NumClasses)
	}
	table := policy.Default()
	for i, row := range paper {
		if codes.Class(i) != row.class {
			t.Errorf("row %d is for %v, want the order of the classes", i, row.class)
		}
		want := policy.Policy{
			Retries: row.retries, Base: row.from, Max: row.to, Multiplier: row.multiplier, Jitter: policy.Above,
		}
		if got := table[row.class]; got != want {
			t.Errorf("%v: got %+v, want %+v", row.class, got, want)
		}
	}
}

// TestDefault_rangesHoldTheirBase: below 1.5 Base, a Max would make the
// default jitter wait less than Base.
func TestDefault_rangesHoldTheirBase(t *testing.T) {
	for class, row := range policy.Default() {
		if 2*row.Max < 3*row.Base {
			t.Errorf("%v: max %v, want at least 1.5 times base %v", codes.Class(class), row.Max, row.Base)
		}
		for n, wait := range row.Schedule() {
			if wait.Min < row.Base || wait.Max > row.Max {
				t.Errorf("%v: wait %d is %v to %v, want it inside %v to %v",
					codes.Class(class), n, wait.Min, wait.Max, row.Base, row.Max)
			}
		}
	}
}

func TestDefault_figures(t *testing.T) {
	wantBudget := policy.BudgetConfig{Max: 100, Start: 100, Earn: 1, EarnedMax: 10, EarnedEarn: 0.1, EarnedStart: 1}
	if got := policy.DefaultBudget(); got != wantBudget {
		t.Errorf("DefaultBudget() = %+v, want %+v", got, wantBudget)
	}
	wantConfig := policy.Config{Table: policy.Default(), Budget: wantBudget, Gate: policy.GateConfig{Hints: true}}
	if diff := cmp.Diff(wantConfig, policy.DefaultConfig()); diff != "" {
		t.Errorf("DefaultConfig() differs (-want +got):\n%s", diff)
	}
	if policy.DefaultMaxAttempts != 8 {
		t.Errorf("DefaultMaxAttempts = %d, want 8", policy.DefaultMaxAttempts)
	}
	if policy.DefaultMaxElapsed != 600*time.Second {
		t.Errorf("DefaultMaxElapsed = %v, want 600 s", policy.DefaultMaxElapsed)
	}
	if policy.DefaultMaxServerDelay != 300*time.Second {
		t.Errorf("DefaultMaxServerDelay = %v, want 300 s", policy.DefaultMaxServerDelay)
	}
	if policy.MaxRetries != 100 {
		t.Errorf("MaxRetries = %d, want 100", policy.MaxRetries)
	}
}

func TestDefault_isValid(t *testing.T) {
	if err := policy.DefaultConfig().Validate(); err != nil {
		t.Errorf("DefaultConfig().Validate() = %v, want nil", err)
	}
	if err := policy.Default().Validate(); err != nil {
		t.Errorf("Default().Validate() = %v, want nil", err)
	}
	if _, err := policy.NewBudget(policy.DefaultBudget()); err != nil {
		t.Errorf("NewBudget(DefaultBudget()) = %v, want nil", err)
	}
}

// TestDefault_isACopy: a table that a caller has changed must not become the
// default of the next one.
func TestDefault_isACopy(t *testing.T) {
	changed := policy.Default()
	changed[codes.Quota].Retries = 99
	if got := policy.Default()[codes.Quota].Retries; got != 2 {
		t.Errorf("the default has %d retries after a copy was changed, want 2", got)
	}
}

// TestZeroValues_neverRetry: what someone forgot to fill in must not make
// calls happen twice.
func TestZeroValues_neverRetry(t *testing.T) {
	var (
		live   policy.Live
		config policy.Config
	)
	full := policy.State{Attempts: 1, Repeatable: true, Tokens: 100, Earned: 10, CanRefresh: true}
	withTable := func(table *policy.Table) policy.State {
		s := full
		s.Table = table
		return s
	}
	cases := []struct {
		name  string
		state policy.State
	}{
		{"the zero State", policy.State{}},
		{"a State without a Table", full},
		{"a zero Table", withTable(&policy.Table{})},
		{"the Table of a zero Config", withTable(&config.Table)},
		{"the Table of a zero Live", withTable(&live.Load().Table)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for class := range codes.Class(codes.NumClasses) {
				if d := policy.Decide(c.state, codes.Failure{Class: class}, 0); d.Retry {
					t.Errorf("%v: got %+v, want no retry", class, d)
				}
			}
		})
	}
	t.Run("a zero Policy has no retries", func(t *testing.T) {
		var row policy.Policy
		if got := row.Schedule(); len(got) != 0 {
			t.Errorf("Schedule() = %v, want none", got)
		}
	})
	t.Run("a zero BudgetConfig has no token", func(t *testing.T) {
		budget, err := policy.NewBudget(policy.BudgetConfig{})
		if err != nil {
			t.Fatal(err)
		}
		budget.Success()
		for _, a := range []policy.Account{policy.Tokens, policy.Earned} {
			if budget.Take(a) {
				t.Errorf("Take(%v) = true, want false", a)
			}
		}
	})
	t.Run("all of them are valid", func(t *testing.T) {
		for _, v := range []interface{ Validate() error }{
			policy.Policy{}, policy.Table{}, policy.Limits{}, policy.BudgetConfig{}, policy.Config{},
		} {
			if err := v.Validate(); err != nil {
				t.Errorf("%T{}.Validate() = %v, want nil", v, err)
			}
		}
	})
}
