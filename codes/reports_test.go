package codes_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/internal/reports"
	"github.com/reinvoke/reinvoke/policy"
)

// publicReports returns the reports that are about the failure of an attempt.
func publicReports(tb testing.TB) []reports.Report {
	tb.Helper()
	all, err := reports.Read("testdata/reports")
	if err != nil {
		tb.Fatal(err)
	}
	if len(all) < 55 {
		tb.Fatalf("%d reports, want at least 55", len(all))
	}
	var statuses []reports.Report
	for _, r := range all {
		if r.Kind() == reports.Status {
			statuses = append(statuses, r)
		}
	}
	return statuses
}

func TestClassify_publicReports(t *testing.T) {
	table := policy.Default()
	for _, r := range publicReports(t) {
		t.Run(r.Name, func(t *testing.T) {
			failed, err := r.Err()
			if err != nil {
				t.Fatal(err)
			}
			ev, err := r.Left()
			if err != nil {
				t.Fatal(err)
			}
			f := codes.Classify(failed, ev)
			t.Logf("%v, %v by rule %s, may have run %v", f.Class, f.Reach, f.Rule, f.MayHaveRun)
			if r.Want.Class != "" && f.Class.String() != r.Want.Class {
				t.Errorf("class %v, want %s: %s", f.Class, r.Want.Class, r.Why)
			}
			wantDuration(t, "the delay that the server asked for", f.Delay, r.WantRetryAfter)

			d := policy.Decide(policy.State{Table: &table, Attempts: 1, Tokens: 100, Repeatable: r.Repeatable}, f, 0)
			if d.Retry != (r.Want.Action == "retry") {
				t.Errorf("%+v, want the action %q: %s", d, r.Want.Action, r.Why)
			}
			wantDuration(t, "the wait", d.Wait, r.Want.Wait)
		})
	}
}

// wantDuration compares with a duration in Go's syntax, unless that is empty.
func wantDuration(t *testing.T, what string, got time.Duration, want string) {
	t.Helper()
	if want == "" {
		return
	}
	if d, err := time.ParseDuration(want); err != nil || got != d {
		t.Errorf("%s: %v, want %s (%v)", what, got, want, err)
	}
}
