package policy_test

import (
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// timedOut is the failure of an attempt timeout.
var timedOut = codes.Failure{Class: codes.Timeout, Code: grpccodes.DeadlineExceeded, Reach: codes.Lost, Rule: "deadline-exceeded"}

// earnedBudget returns a budget with this many tokens for timeouts.
func earnedBudget(t *testing.T, tokens int) *policy.Budget {
	t.Helper()
	b, err := policy.NewBudget(policy.BudgetConfig{Max: 100, Start: 100, EarnedMax: 10, EarnedEarn: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range tokens {
		b.Success()
	}
	return b
}

// TestPatience: how many timeouts an attempt gets, and which end it.
func TestPatience(t *testing.T) {
	table, short := policy.Default(), policy.Default()
	short[codes.Timeout].Retries = 2
	state := func(table *policy.Table, change func(*policy.State)) policy.Tally {
		s := policy.State{Table: table, Repeatable: true}
		if change != nil {
			change(&s)
		}
		return policy.Tally{State: s}
	}
	for _, tt := range []struct {
		name     string
		tally    policy.Tally
		tokens   int
		timeout  time.Duration
		deadline time.Duration // 0 for none
		want     int           // timeouts; 99 for never
		paid     bool
	}{
		{name: "a token", tally: state(&table, nil), tokens: 1, timeout: time.Second, want: 1, paid: true},
		{name: "no token", tally: state(&table, nil), timeout: time.Second, want: 6},
		{name: "no token, a shorter row", tally: state(&short, nil), timeout: time.Second, want: 3},
		{name: "no token, later attempt", tally: state(&table, func(s *policy.State) {
			s.Attempts, s.Retries[codes.Timeout] = 3, 2
		}), timeout: time.Second, want: 4},
		{name: "no token, few attempts left", tally: state(&table, func(s *policy.State) { s.Limits.MaxAttempts = 3 }), timeout: time.Second, want: 3},
		{name: "no token, little time", tally: state(&table, func(s *policy.State) { s.Limits.MaxElapsed = 5 * time.Minute }), timeout: 2 * time.Minute, want: 3},
		{name: "may not run twice", tally: state(&table, func(s *policy.State) { s.Repeatable = false }), tokens: 1, timeout: time.Second, want: 1},
		{name: "never retried", tally: state(&policy.Table{}, nil), tokens: 1, timeout: time.Second, want: 1},
		{name: "all retries made", tally: state(&short, func(s *policy.State) { s.Attempts, s.Retries[codes.Timeout] = 3, 2 }), tokens: 1, timeout: time.Second, want: 1},
		{name: "a deadline before the retry", tally: state(&table, nil), tokens: 1, timeout: 3 * time.Second, deadline: 4 * time.Second, want: 99},
		{name: "a deadline after it", tally: state(&table, nil), tokens: 1, timeout: 3 * time.Second, deadline: 4*time.Second + 1, want: 1, paid: true},
		{name: "a deadline, no token", tally: state(&table, nil), timeout: time.Second, deadline: 4 * time.Second, want: 99},
		{name: "no timeout", tally: state(&table, nil), tokens: 1, want: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, now := earnedBudget(t, tt.tokens), time.Unix(1000, 0)
			var deadline time.Time
			if tt.deadline > 0 {
				deadline = now.Add(tt.deadline)
			}
			p := tt.tally.Patience(b, timedOut, tt.timeout, deadline)
			got := 0
			for got < 99 {
				now = now.Add(tt.timeout)
				if got++; p.GiveUp(now) {
					break
				}
			}
			if got != tt.want {
				t.Errorf("given up at timeout %d, want %d", got, tt.want)
			}
			if p.ToDeadline(now) != (tt.want == 99) {
				t.Errorf("goes on to the deadline: %v", tt.want != 99)
			}
			if _, earned := b.Held(); earned != float64(tt.tokens) && !tt.paid || earned != float64(tt.tokens)-1 && tt.paid {
				t.Errorf("%v tokens are left of %d, taken: %v", earned, tt.tokens, tt.paid)
			}
			p.Close()
			p.Close()
			if _, earned := b.Held(); earned != float64(tt.tokens) {
				t.Errorf("%v tokens are left after Close, want %d", earned, tt.tokens)
			}
		})
	}
	t.Run("zero", func(t *testing.T) {
		var p policy.Patience
		if !p.GiveUp(time.Time{}) || p.Take() {
			t.Error("the zero value goes on, or has a token")
		}
	})
	t.Run("without a budget", func(t *testing.T) {
		tally := state(&table, nil)
		p := tally.Patience(nil, timedOut, time.Second, time.Time{})
		if !p.GiveUp(time.Unix(1, 0)) {
			t.Error("an attempt goes on though its retry costs nothing")
		}
	})
}

// TestPatience_silence: the token of a new budget pays after 30 s, once, and not earlier.
func TestPatience_silence(t *testing.T) {
	b, err := policy.NewBudget(policy.DefaultBudget())
	if err != nil {
		t.Fatal(err)
	}
	table := policy.Default()
	tally := policy.Tally{State: policy.State{Table: &table, Repeatable: true}}
	for call, want := range []time.Duration{30 * time.Second, 12 * time.Second} {
		p := tally.Patience(b, timedOut, 2*time.Second, time.Time{})
		now := time.Unix(1000, 0)
		end := now
		for {
			end = end.Add(p.Step())
			if p.GiveUp(end) {
				break
			}
		}
		if got := end.Sub(now); got != want {
			t.Errorf("call %d is given up after %v, want %v", call, got, want)
		}
		if paid := p.Take(); paid != (call == 0) {
			t.Errorf("call %d is paid for: %v", call, paid)
		}
	}
}

// TestTally_Prepay: a token that was taken before the decision pays for the retry, or goes
// back.
func TestTally_Prepay(t *testing.T) {
	table := policy.Default()
	for _, tt := range []struct {
		name        string
		failure     codes.Failure
		own         bool
		repeatable  bool
		left        float64
		ordinary    float64
		wantRetried bool
	}{
		{"retried", timedOut, true, true, 0, 100, true},
		{"not retried", timedOut, true, false, 1, 100, false},
		{"paid by the other account", codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable}, false, true, 1, 99, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := earnedBudget(t, 1)
			tally := policy.Tally{State: policy.State{Table: &table, Repeatable: tt.repeatable}}
			b.Take(policy.Earned)
			tally.Prepay()
			tally.Failed(time.Unix(1, 0), time.Time{})
			tally.OwnTimeout = tt.own
			d := tally.Pay(b, tally.Decide(b, tt.failure, 0), tt.failure, 0)
			if d.Retry != tt.wantRetried {
				t.Errorf("got %+v, want a retry: %v", d, tt.wantRetried)
			}
			if tokens, earned := b.Held(); tokens != tt.ordinary || earned != tt.left {
				t.Errorf("%v tokens and %v earned are left, want %v and %v", tokens, earned, tt.ordinary, tt.left)
			}
			if tally.Refund(b); d.Retry {
				if tokens, earned := b.Held(); tokens+earned != 101 {
					t.Errorf("%v tokens and %v earned are left after Refund, want 101 together", tokens, earned)
				}
			}
		})
	}
}
