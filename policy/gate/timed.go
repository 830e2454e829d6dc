package gate

import "time"

// timed is a heap of calls ordered by time, the earliest first. Every call knows its place
// in the heap, so that removal is quick.
type timed struct{ calls []*Waiter }

// first returns the call with the earliest time, or nil.
func (t *timed) first() *Waiter {
	if len(t.calls) == 0 {
		return nil
	}
	return t.calls[0]
}

// due returns the first call if its time has come, or nil.
func (t *timed) due(now time.Time) *Waiter {
	if w := t.first(); w != nil && !now.Before(w.at) {
		return w
	}
	return nil
}

// next returns the earliest time; zero for none.
func (t *timed) next() time.Time {
	if w := t.first(); w != nil {
		return w.at
	}
	return time.Time{}
}

// add adds a call with a time.
func (t *timed) add(w *Waiter, at time.Time) {
	w.at = at
	t.calls = append(t.calls, w)
	w.place = len(t.calls)
	t.up(w)
}

// remove takes a call out of the heap, if present.
func (t *timed) remove(w *Waiter) {
	if w.place == 0 {
		return
	}
	n := len(t.calls)
	last := t.calls[n-1]
	hole := w.place
	t.calls[n-1], t.calls = nil, t.calls[:n-1]
	w.place = 0
	if last == w {
		return
	}
	t.put(last, hole)
	t.up(last)
	t.down(last)
}

func (t *timed) put(w *Waiter, place int) {
	t.calls[place-1], w.place = w, place
}

// up moves a call towards the front while its time is the earlier one.
func (t *timed) up(w *Waiter) {
	for w.place > 1 {
		parent := t.calls[w.place/2-1]
		if !w.at.Before(parent.at) {
			return
		}
		t.swap(w, parent)
	}
}

// down moves a call towards the back while its time is the later one.
func (t *timed) down(w *Waiter) {
	for {
		child := 2 * w.place
		if child > len(t.calls) {
			return
		}
		if child < len(t.calls) && t.calls[child].at.Before(t.calls[child-1].at) {
			child++
		}
		c := t.calls[child-1]
		if !c.at.Before(w.at) {
			return
		}
		t.swap(w, c)
	}
}

func (t *timed) swap(a, b *Waiter) {
	place := a.place
	t.put(a, b.place)
	t.put(b, place)
}
