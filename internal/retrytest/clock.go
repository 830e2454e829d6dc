package retrytest

import (
	"sync/atomic"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
)

// InterruptedClock is a clock by hand that runs Next once when it is next asked for the
// time.
type InterruptedClock struct {
	*clock.Fake
	Next atomic.Pointer[func()]
}

// Now runs the function first, to its end.
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

// CountingClock is the system clock. It counts the timers that were made, and those that
// are neither stopped nor fired.
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
