package policy_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestGateConfig_effective: every figure has a default, which is valid, and one
// that is set stays.
func TestGateConfig_effective(t *testing.T) {
	e := reflect.ValueOf(policy.GateConfig{}.Effective())
	for i := range e.NumField() {
		name := e.Type().Field(i).Name
		if e.Field(i).Kind() != reflect.Bool && e.Field(i).IsZero() {
			t.Errorf("%s has no default", name)
		}
	}
	for _, c := range []policy.GateConfig{{}, policy.DefaultGate(), policy.FleetGate(), policy.FleetGate().Effective()} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	set := policy.GateConfig{MaxWait: 1, Spread: 2, Headroom: 3, Failures: 4, ProbeMax: time.Hour}.Effective()
	if set.MaxWait != 1 || set.Spread != 2 || set.Headroom != 3 || set.Failures != 4 || set.ProbeMax != time.Hour {
		t.Errorf("figures that were set have changed: %+v", set)
	}
	if policy.DefaultGate().Probes || !policy.FleetGate().Probes || (policy.GateConfig{}).Hints {
		t.Error("want probes in the fleet's gate alone, and none of both in the zero value")
	}
}

// TestGateConfig_validate: each fault names its field and what was expected.
func TestGateConfig_validate(t *testing.T) {
	for want, c := range map[string]policy.GateConfig{
		"policy: gate: max wait -1s: want > 0s":            {MaxWait: -time.Second},
		"policy: gate: spread -1: want >= 0":               {Spread: -1},
		"policy: gate: spread NaN: want >= 0":              {Spread: math.NaN()},
		"policy: gate: min spread -1s: want > 0s":          {MinSpread: -time.Second},
		"policy: gate: again -1s: want > 0s":               {Again: -time.Second},
		"policy: gate: probe base -1s: want > 0s":          {ProbeBase: -time.Second},
		"policy: gate: probe multiplier 0.5: want >= 1":    {ProbeMultiplier: 0.5},
		"policy: gate: probe max 1ms: want >= probe base":  {ProbeMax: time.Millisecond},
		"policy: gate: probe share 0.5: want >= 1":         {ProbeShare: 0.5},
		"policy: gate: headroom 0.9: want >= 1":            {Headroom: 0.9},
		"policy: gate: growth +Inf: want >= 0":             {Growth: math.Inf(1)},
		"policy: gate: margin -1: want >= 0":               {Margin: -1},
		"policy: gate: failures -1: want >= 1":             {Failures: -1},
		"policy: gate: healthy -1: want >= 1":              {Healthy: -1},
		"policy: gate: recovery 0.1: want >= 1":            {Recovery: 0.1},
		"policy: gate: regrowth -1: want >= 0":             {Regrowth: -1},
		"policy: gate: slow 0.5: want >= 1":                {Slow: 0.5},
		"policy: gate: in flight -2: want >= 0, or 0 for ": {InFlight: -2},
	} {
		err := policy.Config{Gate: c}.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestFleet: its configuration is valid, and its calls are bounded by their
// deadlines: an hour of refusals does not use its retries up.
func TestFleet(t *testing.T) {
	c := policy.FleetConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Table != policy.Fleet() || c.Gate != policy.FleetGate() || c.Budget != policy.DefaultBudget() {
		t.Error("FleetConfig is not Fleet, FleetGate and DefaultBudget")
	}
	for _, class := range []codes.Class{codes.Quota, codes.Server, codes.Network} {
		row := c.Table[class]
		if row.Retries != policy.MaxRetries || row.Backoff(20) != row.Max {
			t.Errorf("%v: %v, want %d retries", class, row, policy.MaxRetries)
		}
	}
	for _, class := range []codes.Class{codes.Spent, codes.Auth, codes.Request, codes.Conflict, codes.Ended} {
		if c.Table[class].Retries != 0 {
			t.Errorf("%v is retried", class)
		}
	}
}

// TestDecide_atGate: a retry that waits at a gate costs no token; one after an
// attempt timeout costs an earned one all the same.
func TestDecide_atGate(t *testing.T) {
	table := policy.Default()
	state := policy.State{Table: &table, Attempts: 1, Repeatable: true, AtGate: true}
	f := codes.Failure{Class: codes.Server, Reach: codes.Answered}
	if d := policy.Decide(state, f, 0); !d.Retry || d.Pays != policy.Free {
		t.Errorf("got %+v, want a retry that is free", d)
	}
	state.OwnTimeout = true
	if d := policy.Decide(state, f, 0); d.Retry || d.Why != policy.BudgetExhausted {
		t.Errorf("got %+v, want none for want of an earned token", d)
	}
	state.OwnTimeout, state.AtGate = false, false
	if d := policy.Decide(state, f, 0); d.Retry {
		t.Errorf("got %+v without a gate, want none for want of a token", d)
	}
}
