package gate

import "time"

// window counts the events of the last minute approximately: all of the current minute, and
// a shrinking share of the minute before. The zero value has counted nothing.
type window struct {
	first, start time.Time // start of counting; start of the current minute
	now, earlier float64   // counts of the current minute and of the minute before
}

// add counts n more events.
func (w *window) add(now time.Time, n float64) {
	w.turn(now)
	w.now = max(w.now+n, 0)
}

// seed counts n events of the time over before now.
func (w *window) seed(now time.Time, n float64, over time.Duration) {
	w.add(now, n)
	if first := now.Add(-over); first.Before(w.first) {
		w.first = first
	}
}

// count returns the approximate number of events in the last minute.
func (w *window) count(now time.Time) float64 {
	w.turn(now)
	left := min(max(1-now.Sub(w.start).Seconds()/minute.Seconds(), 0), 1)
	return w.now + w.earlier*left
}

// rate returns the events per second.
func (w *window) rate(now time.Time) float64 {
	return w.count(now) / max(min(now.Sub(w.first), minute).Seconds(), 1)
}

// turn begins a new minute when the current minute is over.
func (w *window) turn(now time.Time) {
	switch gone := now.Sub(w.start); {
	case w.start.IsZero() || gone >= 2*minute:
		w.first, w.start, w.now, w.earlier = now, now, 0, 0
	case gone >= minute:
		w.start = w.start.Add(minute)
		w.earlier, w.now = w.now, 0
	}
}
