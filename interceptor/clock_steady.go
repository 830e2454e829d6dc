package interceptor

import (
	"sync"
	"time"
)

// steadyClock is a clock whose time never goes back. If the clock below goes back by
// more than a second, steadyClock stays ahead by as much from then on. If the clock
// below goes back by less, as between two goroutines asking at once, the time stands
// still.
type steadyClock struct {
	Clock

	mu    sync.Mutex
	last  time.Time
	ahead time.Duration
}

// Now implements Clock.
func (c *steadyClock) Now() time.Time {
	now := c.Clock.Now() // the caller's function runs without the lock
	c.mu.Lock()
	defer c.mu.Unlock()
	now = now.Add(c.ahead)
	if back := c.last.Sub(now); back > 0 {
		if back > time.Second {
			c.ahead += back
		}
		now = c.last
	}
	c.last = now
	return now
}
