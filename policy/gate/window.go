package gate

import "time"

// window counts what happened in the last minute, in two halves that overlap it.
// The zero value has counted nothing.
type window struct {
	first, start time.Time // of all, and of the present minute
	now, earlier float64   // in the present minute, and in the minute before
}

// add counts n more.
func (w *window) add(now time.Time, n float64) {
	w.turn(now)
	w.now = max(w.now+n, 0)
}

// seed counts what happened in a time before.
func (w *window) seed(now time.Time, n float64, over time.Duration) {
	w.add(now, n)
	if first := now.Add(-over); first.Before(w.first) {
		w.first = first
	}
}

// count returns how much was counted in the last minute, about.
func (w *window) count(now time.Time) float64 {
	w.turn(now)
	left := min(max(1-now.Sub(w.start).Seconds()/minute.Seconds(), 0), 1)
	return w.now + w.earlier*left
}

// rate returns how much was counted in a second.
func (w *window) rate(now time.Time) float64 {
	return w.count(now) / max(min(now.Sub(w.first), minute).Seconds(), 1)
}

// turn begins another minute when the present one is over.
func (w *window) turn(now time.Time) {
	switch gone := now.Sub(w.start); {
	case w.start.IsZero() || gone >= 2*minute:
		w.first, w.start, w.now, w.earlier = now, now, 0, 0
	case gone >= minute:
		w.start = w.start.Add(minute)
		w.earlier, w.now = w.now, 0
	}
}
