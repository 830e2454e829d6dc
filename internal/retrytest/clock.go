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
