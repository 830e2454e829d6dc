package main

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// TestFleet_firstRetryOfAConnection: with a single retry after an attempt timeout for each
// new connection, 100,000 clients keep a slow server down for good. With the shipped
// budget, which pays for a retry after 30 s at first, the server recovers, with a queue of
// 25 s too.
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
	deep := *b2
	deep.name = "B2 with a queue of 5,000"
	deep.server = func(*world) server { return &workers{free: 20, service: 100 * time.Millisecond, room: 5000} }
	for name, recovers := range map[string]bool{"given": false, "shipped": true} {
		who := side{name: name, make: gift}
		if recovers {
			who.make = configured(policy.DefaultConfig())
		}
		for _, r := range play(table([]*scenario{b2, &deep}, []int{100_000}, []side{who}, 3), quiet()) {
			if after, ok := r.recovery(); ok != recovers {
				t.Errorf("%s, %s: recovers %v (%.0f s), want %v", r.sc.name, name, ok, after, recovers)
			}
		}
	}
}
