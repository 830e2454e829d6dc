package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// newTally returns the tally of a call whose method may run twice.
func newTally() *policy.Tally {
	table := policy.Default()
	return &policy.Tally{State: policy.State{Table: &table, Repeatable: true}}
}

// retry has the call fail at a time and retried.
func retry(t *testing.T, y *policy.Tally, at time.Time, f codes.Failure, scout bool) {
	t.Helper()
	y.Failed(at, time.Time{})
	if scout {
		y.Scouted()
	}
	d := y.Pay(nil, y.Decide(nil, f, 0), f, 0)
	if !d.Retry {
		t.Fatalf("got %v, want a retry", d.Why)
	}
	y.Retry(d)
}

func TestTally_times(t *testing.T) {
	start := time.Unix(100, 0)
	y := newTally()
	retry(t, y, start, unavailable(), false)
	if y.Elapsed != 0 || y.Deadline {
		t.Errorf("after the first failure %v have elapsed, with a deadline: %t; want 0s without", y.Elapsed, y.Deadline)
	}
	y.Failed(start.Add(3*time.Second), start.Add(10*time.Second))
	if y.Elapsed != 3*time.Second || !y.Deadline || y.Remaining != 7*time.Second {
		t.Errorf("got %v elapsed and %v remaining (%t), want 3s and 7s", y.Elapsed, y.Remaining, y.Deadline)
	}
	if got := y.ElapsedAt(start.Add(5 * time.Second)); got != 5*time.Second {
		t.Errorf("%v elapsed 5 s after the first attempt ended", got)
	}
	y.Restart(y.Made())
	if y.Failed(start.Add(time.Minute), time.Time{}); y.Elapsed != 0 {
		t.Errorf("%v elapsed at the first failure after a restart, want 0s", y.Elapsed)
	}
}

func TestTally_attempts(t *testing.T) {
	now := time.Unix(100, 0)
	y := newTally()
	want := func(when string, made, attempts, earlier, scouts int) {
		t.Helper()
		got := [4]int{y.Made(), y.Attempts, y.Earlier, y.Scouts}
		if diff := cmp.Diff([4]int{made, attempts, earlier, scouts}, got); diff != "" {
			t.Errorf("%s: made, attempts, earlier and scouts (-want +got):\n%s", when, diff)
		}
	}
	want("before a failure", 1, 0, 0, 0)
	retry(t, y, now, quota(time.Second), true)
	want("after a refused scout", 2, 1, 1, 1)
	retry(t, y, now, unavailable(), false)
	retry(t, y, now, unavailable(), false)
	want("after two failures more", 4, 3, 1, 1)
	retry(t, y, now, quota(time.Second), true)
	want("after a scout that is no first attempt", 5, 3, 2, 2)
	if y.Retries != [codes.NumClasses]int{codes.Server: 2} {
		t.Errorf("retries %v, want two of Server", y.Retries)
	}
	y.Failed(now, time.Time{})
	y.Restart(y.Made())
	want("before another request", 6, 1, 5, 0)
	if y.Retries != [codes.NumClasses]int{} || y.Exponents != [codes.NumClasses]int{} {
		t.Errorf("retries %v and exponents %v after a restart, want none", y.Retries, y.Exponents)
	}
}

// TestTally_afterScoutElsewhere: the retry of another row after a refused scout counts there.
func TestTally_afterScoutElsewhere(t *testing.T) {
	var y policy.Tally
	y.Failed(time.Unix(0, 0), time.Time{})
	y.Scouted()
	y.Retry(policy.Decision{Retry: true, Class: codes.Server})
	if y.Retries[codes.Server] != 1 || y.Attempts != 1 || y.Made() != 2 {
		t.Errorf("got %d retries, %d attempts of %d: want 1, and 1 of 2", y.Retries[codes.Server], y.Attempts, y.Made())
	}
}

// TestTally_aScoutIsNoAttempt: the limit on attempts does not count it.
func TestTally_aScoutIsNoAttempt(t *testing.T) {
	now := time.Unix(100, 0)
	y := newTally()
	y.Limits.MaxAttempts = 1
	retry(t, y, now, quota(time.Second), true)
	y.Failed(now, time.Time{})
	if d := y.Decide(nil, quota(time.Second), 0); d.Why != policy.AttemptsExhausted {
		t.Errorf("got %v after an attempt that was no scout, want attempts-exhausted", d.Why)
	}
}

func TestTally_budget(t *testing.T) {
	f := unavailable()
	budget, err := policy.NewBudget(policy.BudgetConfig{Max: 1, Start: 1})
	if err != nil {
		t.Fatal(err)
	}
	held := func(when string, want float64) {
		t.Helper()
		if got, _ := budget.Held(); got != want {
			t.Errorf("%s the budget holds %v, want %v", when, got, want)
		}
	}
	first, second := newTally(), newTally()
	first.Failed(time.Unix(100, 0), time.Time{})
	second.Failed(time.Unix(100, 0), time.Time{})
	d, late := first.Decide(budget, f, 0), second.Decide(budget, f, 0)
	held("before anyone pays", 1)
	if d = first.Pay(budget, d, f, 0); !d.Retry {
		t.Errorf("got %v with a token, want a retry", d.Why)
	}
	held("when one has paid", 0)
	if late = second.Pay(budget, late, f, 0); late.Retry || late.Why != policy.BudgetExhausted {
		t.Errorf("got %v after the token had gone, want budget-exhausted", late.Why)
	}
	second.Refund(budget)
	held("when one that has not paid is refunded", 0)
	first.Refund(budget)
	first.Refund(budget)
	held("after a refund", 1)

	first.Retry(first.Pay(budget, first.Decide(budget, f, 0), f, 0))
	first.Refund(budget)
	held("when the retry has begun", 0)
}
