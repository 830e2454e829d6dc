package main

import (
	"io"
	"strings"
	"testing"
)

// TestFleet_promise: for one process the gate is never worse than none, in every
// scene of ordinary programs but those that refuse half of the calls at random.
func TestFleet_promise(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	scenes := promise(ordinary(), []int{1}, promising(), 7, showerOn(io.Discard, false), "runs") // seeds that no figure was chosen by
	for _, s := range scenes {
		if strings.HasPrefix(s.sc.says, "50 %") { // which the report names
			if got, least := s.by[gateName].success(), s.by[withoutName].success()-0.06; got < least {
				t.Errorf("%s, %s: success %.4f, want >= %.4f", s.sc.name, s.sc.says, got, least)
			}
			continue
		}
		for _, fault := range s.check(1.5 * aPoint) { // ten runs are off by half a point
			t.Errorf("%s, %s: %s", s.sc.name, s.sc.says, fault)
		}
	}
	if len(scenes) < 50 {
		t.Errorf("%d scenes were played, want 50 at least", len(scenes))
	}
	page := promiseReport(scenes, 7)
	for _, want := range []string{"## D1", "## D2", "## D3", "## D4"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(page, "NaN") {
		t.Error("the page has a figure that is none")
	}
}

// TestFleet_promiseIsChecked: a gate that is worse than none is found.
func TestFleet_promiseIsChecked(t *testing.T) {
	good, bad := &played{offered: 240, successes: 240, small: 1, smallWell: 1}, &played{offered: 240, successes: 200, fails: 40, small: 1, spared: 1, waited: 3e9}
	for name, want := range map[string]int{"D1": 2, "D2": 4, "D3": 1, "D4": 3} {
		s := scene{&scenario{name: name}, 1, map[string]*played{gateName: bad, withoutName: good}}
		if got := s.check(aPoint); len(got) != want {
			t.Errorf("%s: found %q, want %d faults", name, got, want)
		}
		s.by[gateName] = good
		if got := s.check(aPoint); len(got) != 0 {
			t.Errorf("%s: found %q where both are the same", name, got)
		}
	}
}
