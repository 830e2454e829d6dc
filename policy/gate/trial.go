package gate

import "time"

// A trial is a call without room in a limit named by a refusal, and tests the limit. One trial is
// under way at a time. Each accepted trial makes room for twice as many calls, so that a wrong
// limit soon holds nothing back. After each refused trial the next comes later.
type trial struct {
	next    time.Time // of the next trial
	sent    time.Time // of the trial under way
	took    amount
	credit  int64 // how often the last accepted trial's amount was given back
	refused int   // trials in a row
}

// delay puts the next trial off.
func (t *trial) delay(now time.Time) {
	t.next = later(t.next, now.Add(scoutAfter<<min(t.refused, scoutDoublings)))
}

// goes counts a call leaving now.
func (m *Memory) goes(now time.Time, took amount) {
	if m.Limited() && m.trial.sent.IsZero() && m.meter.named(now, took).After(now) {
		m.trial.sent, m.trial.took = now, took
	}
	m.meter.take(now, took)
}

// tried ends the trial under way.
func (m *Memory) tried(now time.Time, means meaning) {
	t := &m.trial
	t.sent = time.Time{}
	switch means {
	case accepted:
		t.refused, t.credit = 0, max(2*t.credit, 1)
		t.delay(now)
		m.meter.refill(func(_ *span, u int) int64 { return t.credit * t.took[u] })
	case refused:
		t.refused++
		t.delay(now)
	case troubled, unknown:
		t.delay(now)
	}
}
