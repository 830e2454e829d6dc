package main

import "testing"

// TestFleet_priorities: beside a batch, and with twice the quota asked for, interactive calls
// succeed after short waits, and the quota is used about as well as without priorities.
func TestFleet_priorities(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has nothing to find in a simulation")
	}
	got := map[string]map[string]*measures{}
	for _, r := range play(crowdedJobs(1), quiet()) {
		m := r.measures
		t.Logf("%s, %s: interactive calls %.4f / %.2f s, all %.3f / %.2f", r.sc.name, r.side.name, m.urgentSuccess(), m.urgentWait(), m.success(), m.perSuccess())
		if got[r.sc.name] == nil {
			got[r.sc.name] = map[string]*measures{}
		}
		got[r.sc.name][r.side.name] = m
	}
	for name, by := range got {
		ranked, equal := by[rankedName], by[equalName]
		if ranked.urgentSuccess() < .99 || ranked.urgentWait() > 2 {
			t.Errorf("%s: %.3f of the interactive calls succeed, and one in a hundred waits longer than %.2f s: want .99 at least and 2 s at most", name, ranked.urgentSuccess(), ranked.urgentWait())
		}
		if ranked.urgentSuccess() < equal.urgentSuccess()+.3 {
			t.Errorf("%s: %.3f of the interactive calls succeed, without priorities %.3f: want .3 more at least", name, ranked.urgentSuccess(), equal.urgentSuccess())
		}
		if ranked.success() < .9*equal.success() || ranked.perSuccess() > 1.1*equal.perSuccess() {
			t.Errorf("%s: %.3f of all calls succeed with %.2f requests each, without priorities %.3f with %.2f: want about the same", name, ranked.success(), ranked.perSuccess(), equal.success(), equal.perSuccess())
		}
	}
}
