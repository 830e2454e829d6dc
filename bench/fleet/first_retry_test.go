package main

import (
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

// TestFleet_firstRetryOfAConnection: with a single retry after an attempt timeout for each
// new connection, 100,000 clients keep a slow server down for good. With the shipped
// budget, whose account of such retries is empty at first, the server recovers.
func TestFleet_firstRetryOfAConnection(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	config := policy.DefaultConfig()
	config.Budget = policy.AttemptTimeoutBudget()
	config.Budget.Start = 0
	gift := func(sc *scenario, n int) strategy {
		r := newReinvoke(config, sc, n)
		for _, c := range r.clients {
			for range 10 { // as many successes earn a retry
				c.budget.Success()
			}
		}
		return r
	}
	b2 := scenarios()[4]
	for name, recovers := range map[string]bool{"given": false, "shipped": true} {
		who := side{name: name, make: gift}
		if recovers {
			who.make = configured(policy.DefaultConfig())
		}
		for _, r := range play(table([]*scenario{b2}, []int{100_000}, []side{who}, 3), quiet()) {
			if after, ok := r.recovery(); ok != recovers {
				t.Errorf("%s: recovers %v (%.0f s), want %v", name, ok, after, recovers)
			}
		}
	}
}
