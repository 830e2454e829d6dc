package policy_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

// TestWhy_names: they are metric labels and log fields, so that dashboards
// break where one of them changes.
func TestWhy_names(t *testing.T) {
	want := []string{
		policy.Unknown:           "unknown",
		policy.Backoff:           "backoff",
		policy.Hint:              "hint",
		policy.Pushback:          "pushback",
		policy.Refresh:           "refresh",
		policy.NextTarget:        "next-target",
		policy.Success:           "success",
		policy.CallerEnded:       "caller-ended",
		policy.NeverRetried:      "never-retried",
		policy.NotRepeatable:     "not-repeatable",
		policy.ClassExhausted:    "class-exhausted",
		policy.AttemptsExhausted: "attempts-exhausted",
		policy.PushbackStop:      "pushback-stop",
		policy.HintTooLong:       "hint-too-long",
		policy.ElapsedExhausted:  "elapsed-exhausted",
		policy.DeadlineTooNear:   "deadline-too-near",
		policy.BudgetExhausted:   "budget-exhausted",
		policy.Committed:         "committed",
		policy.RetriedBelow:      "retried-below",
		policy.Disabled:          "disabled",
		policy.RefreshFailed:     "refresh-failed",
		policy.HookFailed:        "hook-failed",
		policy.GateClosed:        "gate-closed",
		policy.BreakerOpen:       "breaker-open",
	}
	label := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for n := range 256 {
		why := policy.Why(n)
		name := fmt.Sprintf("Why(%d)", n)
		if n < len(want) {
			name = want[n]
			if !label.MatchString(name) {
				t.Errorf("%q is no label, want lower case words joined by hyphens", name)
			}
		}
		if seen[name] {
			t.Errorf("%q names two rules", name)
		}
		seen[name] = true
		if got := why.String(); got != name {
			t.Errorf("Why %d is called %q, want %q", n, got, name)
		}
		if got, err := why.MarshalText(); err != nil || string(got) != name {
			t.Errorf("MarshalText of %d = %q, %v, want %q", n, got, err, name)
		}
	}
	if got, err := json.Marshal(map[string]policy.Why{"why": policy.HintTooLong}); err != nil || string(got) != `{"why":"hint-too-long"}` {
		t.Errorf("as JSON it is %s, %v, want its name", got, err)
	}
}

func TestJitter_names(t *testing.T) {
	wantNames(t, func(n uint8) fmt.Stringer { return policy.Jitter(n) }, "Jitter", "Above", "Full", "Equal", "Symmetric", "None")
}

func TestAccount_names(t *testing.T) {
	wantNames(t, func(n uint8) fmt.Stringer { return policy.Account(n) }, "Account", "Free", "Tokens", "Earned")
}

// wantNames checks the names of all numbers, those that have none included.
func wantNames(t *testing.T, of func(uint8) fmt.Stringer, kind string, names ...string) {
	t.Helper()
	for n := range 256 {
		want := fmt.Sprintf("%s(%d)", kind, n)
		if n < len(names) {
			want = names[n]
		}
		if got := of(uint8(n)).String(); got != want {
			t.Errorf("%s %d is called %q, want %q", kind, n, got, want)
		}
	}
}
