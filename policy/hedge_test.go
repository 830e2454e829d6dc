package policy_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDecision_hedgingAndFallback names what follows from every Why there is.
func TestDecision_hedgingAndFallback(t *testing.T) {
	want := map[policy.Why]struct {
		hedging   policy.Hedging
		fallsBack bool
	}{
		policy.Unknown: {policy.Fatal, false}, policy.Success: {policy.Fatal, false}, policy.CallerEnded: {policy.Fatal, false},
		policy.NeverRetried: {policy.Fatal, true}, policy.NotRepeatable: {policy.Fatal, false},
		policy.ClassExhausted: {policy.NoMore, true}, policy.AttemptsExhausted: {policy.NoMore, true}, policy.PushbackStop: {policy.NoMore, true},
		policy.HintTooLong: {policy.NoMore, true}, policy.ElapsedExhausted: {policy.NoMore, true}, policy.DeadlineTooNear: {policy.NoMore, true},
		policy.BudgetExhausted: {policy.NoMore, true}, policy.Committed: {policy.Fatal, false}, policy.RetriedBelow: {policy.Fatal, false},
		policy.Disabled: {policy.Fatal, false}, policy.RefreshFailed: {policy.Fatal, false}, policy.HookFailed: {policy.Fatal, false},
	}
	for why := policy.Unknown; why <= policy.HookFailed; why++ {
		switch why {
		case policy.Backoff, policy.Hint, policy.Pushback, policy.Refresh, policy.NextTarget:
			d := policy.Decision{Retry: true, Why: why, Class: codes.Server, Wait: time.Second}
			held := time.Duration(0)
			if why == policy.Hint || why == policy.Pushback {
				held = time.Second
			}
			if hedging, wait := d.Hedging(); hedging != policy.Next || wait != held || d.FallsBack() {
				t.Errorf("%v: got %v after %v, falls back %v, want the next one after %v", why, hedging, wait, d.FallsBack(), held)
			}
			continue
		default:
		}
		w, known := want[why]
		d := policy.Decision{Why: why, Class: codes.Server}
		if hedging, _ := d.Hedging(); !known || hedging != w.hedging || d.FallsBack() != w.fallsBack {
			t.Errorf("%v: got %v, falls back %v, want %+v", why, hedging, d.FallsBack(), w)
		}
	}
	for class := range codes.Class(codes.NumClasses) {
		want := map[codes.Class]bool{
			codes.Quota: true, codes.Spent: true, codes.Server: true, codes.Network: true, codes.Timeout: true, codes.Other: true,
		}[class]
		if got := (policy.Decision{Why: policy.NeverRetried, Class: class}).FallsBack(); got != want {
			t.Errorf("%v: falls back %v, want %v", class, got, want)
		}
	}
}
