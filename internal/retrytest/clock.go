package retrytest

import (
	"sync/atomic"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
)

// InterruptedClock is a fake clock. The next call of Now runs the function in Next, once.
type InterruptedClock struct {
	*clock.Fake
	Next atomic.Pointer[func()]
}

// Now runs the function in Next to the end, on a goroutine of its own, and returns the time.
func (c *InterruptedClock) Now() time.Time {
	if f := c.Next.Swap(nil); f != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			(*f)()
		}()
		<-done
	}
	return c.Fake.Now()
}

// CountingClock is the system clock with two counts: Made of all timers, and Pending of
// the timers neither stopped nor fired.
type CountingClock struct{ Pending, Made atomic.Int64 }

// Now returns the time.
func (c *CountingClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc, counted.
func (c *CountingClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.Pending.Add(1)
	c.Made.Add(1)
	timer := time.AfterFunc(d, func() {
		c.Pending.Add(-1)
		f()
	})
	return func() bool {
		stopped := timer.Stop()
		if stopped {
			c.Pending.Add(-1)
		}
		return stopped
	}
}
