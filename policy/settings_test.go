package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

func TestMethodOverride(t *testing.T) {
	row := policy.Policy{Retries: 1, Base: time.Second, Max: time.Second, Multiplier: 1}
	before := policy.Settings{
		Limits: policy.Limits{MaxAttempts: 6, MaxElapsed: time.Minute}, Codes: policy.Codes(grpccodes.Internal),
		Repeatable: new(true), WaitForReady: new(true), Timeout: time.Hour, Hedge: policy.Hedge{Delay: time.Second, Attempts: 2},
	}
	cases := []struct {
		name   string
		method *policy.Method
		row    policy.Policy // of Server
		change func(*policy.Settings)
	}{
		{"no section", nil, policy.Default()[codes.Server], func(*policy.Settings) {}},
		{"one that says nothing", &policy.Method{Pattern: "/*"}, policy.Default()[codes.Server], func(*policy.Settings) {}},
		{"a row", &policy.Method{Rows: map[codes.Class]policy.Policy{codes.Server: row}}, row, func(*policy.Settings) {}},
		{"one limit of two", &policy.Method{Limits: policy.Limits{MaxElapsed: time.Second}}, policy.Default()[codes.Server], func(s *policy.Settings) {
			s.Limits.MaxElapsed = time.Second
		}},
		{"no hedges, though it names a delay", &policy.Method{Hedge: policy.Hedge{Delay: 1}}, policy.Default()[codes.Server], func(*policy.Settings) {}},
		{
			"everything else",
			&policy.Method{
				Codes: policy.Codes(grpccodes.Aborted), Repeatable: new(false), WaitForReady: new(false), Timeout: time.Minute,
				Hedge: policy.Hedge{Attempts: 1},
			},
			policy.Default()[codes.Server],
			func(s *policy.Settings) {
				*s = policy.Settings{
					Limits: s.Limits, Codes: policy.Codes(grpccodes.Aborted), Repeatable: new(false), WaitForReady: new(false), Timeout: time.Minute,
					Hedge: policy.Hedge{Attempts: 1},
				}
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			table, got := policy.Default(), before
			c.method.Override(&table, &got)

			wantTable, want := policy.Default(), before
			wantTable[codes.Server] = c.row
			c.change(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantTable, table); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}
