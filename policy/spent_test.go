package policy_test

import (
	"testing"
	"time"
	_ "time/tzdata" // to compare with; the package itself needs none

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestSpentUntil_midnight: a quota of the day lasts until midnight in Pacific time, by the
// time zone database, at every half hour of three years.
func TestSpentUntil_midnight(t *testing.T) {
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	f := codes.Failure{Class: codes.Spent, Rule: "quota-per-day"}
	from := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for now := from; now.Before(from.AddDate(3, 0, 0)); now = now.Add(30 * time.Minute) {
		year, month, day := now.In(pacific).Date()
		want := time.Date(year, month, day+1, 0, 0, 0, 0, pacific)
		for _, at := range []time.Time{now, now.Add(-1).Add(1), now.In(pacific)} {
			if got := policy.SpentUntil(at, f); !got.Equal(want) {
				t.Fatalf("at %v: got %v, want %v", at, got.In(pacific), want)
			}
		}
	}
}

// TestSpentUntil: what the server has named counts first, and nothing is 10 minutes.
func TestSpentUntil(t *testing.T) {
	now := time.Date(2026, time.March, 8, 1, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		f    codes.Failure
		want time.Time
	}{
		"named":          {codes.Failure{Class: codes.Spent, Rule: "quota-per-day", Delay: 5 * time.Hour}, now.Add(5 * time.Hour)},
		"of the day":     {codes.Failure{Class: codes.Spent, Rule: "quota-per-day"}, now.Add(7 * time.Hour)},
		"money":          {codes.Failure{Class: codes.Spent, Rule: "billing"}, now.Add(10 * time.Minute)},
		"of an own rule": {codes.Failure{Class: codes.Spent, Rule: "mine"}, now.Add(10 * time.Minute)},
	} {
		if got := policy.SpentUntil(now, c.f); !got.Equal(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
