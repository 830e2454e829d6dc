// Package worlds_test makes random calls through random servers, called worlds, and checks
// what must hold in every one of them.
package worlds_test

import (
	"flag"
	"testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

var worlds = flag.Int("worlds", 400, "how many random worlds TestWorlds makes")

// TestWorlds makes random worlds and checks what must hold in every one:
//
//   - the attempts of a call never exceed its limits, whatever the caller does
//     afterwards;
//   - a call returns when its context ends, and begins no attempt after that,
//     after its return, or after it has shown something;
//   - it is retried exactly where policy.Decide says so, after exactly the
//     wait that it says;
//   - what it returns is what its last attempt left, whole, or the status of
//     its context, and every error is a status;
//   - what it delivers is the beginning of what one attempt has sent;
//   - retries are paid for;
//   - of attempts that did not win nothing is left, and what has ended stays
//     so.
func TestWorlds(t *testing.T) {
	tally := make(map[string]int)
	for n := range *worlds {
		seed := grpctest.Seed(t, n)
		if !t.Run("", func(t *testing.T) { newWorld(t, seed).run(t, tally) }) {
			t.Fatalf("run again with -run TestWorlds -worlds=1 -seed=%d", seed)
		}
	}
	if *worlds < 300 {
		return
	}
	for _, outcome := range []interceptor.Outcome{
		interceptor.FirstTry, interceptor.Recovered, interceptor.Exhausted, interceptor.NotRetried, interceptor.Ended,
	} {
		if tally[outcome.String()] == 0 {
			t.Errorf("no call of %d worlds was %v", *worlds, outcome)
		}
	}
	for why := policy.Backoff; why <= policy.Disabled; why++ {
		if tally[why.String()] == 0 && why != policy.RetriedBelow && why != policy.NextTarget { // TestWorldLives has targets
			t.Errorf("no decision of %d worlds was %v", *worlds, why)
		}
	}
}
