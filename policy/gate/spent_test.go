package gate_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestSpent: a refusal closes until the first time named, however often it is repeated;
// scouts go at 10 s, 20 s and so on up to 5 min, and an accepted scout opens.
func TestSpent(t *testing.T) {
	begin := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	var s gate.Spent
	if s.Left(begin) != 0 || s.Scout(begin) {
		t.Error("the zero value is closed")
	}
	day := begin.Add(8 * time.Hour)
	s.Refused(begin, day, false, 0.5)
	s.Refused(begin, day.Add(time.Hour), false, 0.5) // was under way
	var scouts []time.Duration
	for now := begin; now.Before(day); now = now.Add(time.Second) {
		if got := s.Left(now); got != day.Sub(now) {
			t.Fatalf("after %v: %v left, want %v", now.Sub(begin), got, day.Sub(now))
		}
		if s.Scout(now) {
			scouts = append(scouts, now.Sub(begin))
			if s.Scout(now) {
				t.Fatal("a second scout beside the first")
			}
			s.Refused(now, now.Add(24*time.Hour), true, 0.5)
		}
	}
	want := []time.Duration{10, 30, 70, 150, 310, 610, 910}
	for i, at := range want {
		if scouts[i] != at*time.Second {
			t.Errorf("scout %d after %v, want %vs", i, scouts[i], int(at))
		}
	}
	if n := len(scouts); n < 95 || n > 105 {
		t.Errorf("%d scouts in 8 h, want one in 5 min", n)
	}
	if s.Left(day) != 0 || s.Scout(day) {
		t.Error("closed at the end")
	}
	s.Refused(day, day.Add(time.Hour), false, 0)
	if s.Left(day) != time.Hour || !s.Scout(day.Add(7500*time.Millisecond)) {
		t.Error("the next closing does not begin anew")
	}
	s.Open(day)
	if s.Left(day) != 0 {
		t.Error("an accepted scout does not open")
	}
	s.Refused(day.Add(time.Minute), day.Add(2*time.Hour), false, 0)
	if s.Left(day.Add(time.Minute)) != 0 {
		t.Error("a refusal closes again within five minutes")
	}
	s.Refused(day.Add(5*time.Minute), day.Add(time.Hour), false, 0)
	if s.Left(day.Add(5*time.Minute)) != 55*time.Minute {
		t.Error("a refusal after five minutes closes nothing")
	}
	s.Open(day.Add(59 * time.Minute))
	s.Refused(day.Add(time.Hour), day.Add(2*time.Hour), false, 0)
	if s.Left(day.Add(time.Hour)) != time.Hour {
		t.Error("a refusal after the time of the contradicted one closes nothing")
	}
}

// TestSpent_press: a call with nowhere else to go may try once a second, and its refusal
// makes the scouts no rarer.
func TestSpent_press(t *testing.T) {
	now := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	var s gate.Spent
	if s.Press(now) {
		t.Error("there is nothing to press while open")
	}
	s.Refused(now, now.Add(time.Hour), false, 0.5)
	tries := 0
	for i := range 101 {
		if at := now.Add(time.Duration(i) * 100 * time.Millisecond); s.Press(at) {
			tries++
			s.Refused(at, at.Add(24*time.Hour), false, 0.5)
		}
	}
	if tries != 10 || !s.Scout(now.Add(10*time.Second)) || s.Left(now) != time.Hour {
		t.Errorf("%d tries in 10 s, want 10, and the scout after 10 s as ever", tries)
	}
}
