package clock

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Fake is a clock that stands still until Advance moves it. Timers fire in the order
// of their times. The zero value is not usable; see [NewFake]. Fake is safe for
// concurrent use.
type Fake struct {
	mu     sync.Mutex
	now    time.Time
	timers []*fakeTimer
	added  chan struct{} // closed and replaced when a timer is added
}

type fakeTimer struct {
	at time.Time
	f  func()
}

// NewFake returns a fake clock showing now.
func NewFake(now time.Time) *Fake {
	return &Fake{now: now, added: make(chan struct{})}
}

// Now returns the time shown by the clock.
func (c *Fake) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements [Clock]. If d is zero or less, f runs at once.
func (c *Fake) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{at: c.now.Add(d), f: f}
	if d <= 0 {
		go f()
		return func() bool { return false }
	}
	c.timers = append(c.timers, t)
	close(c.added)
	c.added = make(chan struct{})
	return func() bool { return c.remove(t) }
}

// remove drops a timer and reports whether it was still pending.
func (c *Fake) remove(t *fakeTimer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.timers, t)
	if i < 0 {
		return false
	}
	c.timers = slices.Delete(c.timers, i, i+1)
	return true
}

// Advance moves the clock by d and fires the due timers, each while the clock shows
// the time of the timer.
func (c *Fake) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		next := c.next()
		if next == nil || next.at.After(end) {
			break
		}
		c.now = next.at
		c.timers = slices.DeleteFunc(c.timers, func(t *fakeTimer) bool { return t == next })
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// next returns the earliest timer, or nil.
func (c *Fake) next() *fakeTimer {
	var first *fakeTimer
	for _, t := range c.timers {
		if first == nil || t.at.Before(first.at) {
			first = t
		}
	}
	return first
}

// Pending waits until a timer is pending and returns the time left until the first
// timer fires, or the context's error.
func (c *Fake) Pending(ctx context.Context) (time.Duration, error) {
	for {
		c.mu.Lock()
		first, now, added := c.next(), c.now, c.added
		c.mu.Unlock()
		if first != nil {
			return first.at.Sub(now), nil
		}
		select {
		case <-added:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
