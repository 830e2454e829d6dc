package interceptor

import (
	"math/rand/v2"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
)

// Clock tells the time and waits. Inject a fake Clock to make waits deterministic. A
// Clock must be safe for concurrent use. Deadlines of contexts always run on the
// runtime's clock: start a fake at time.Now, or better, test inside a testing/synctest
// bubble, which moves both.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// AfterFunc calls f after d, never on the calling goroutine; f does not block. stop
	// cancels the call of f, and reports whether it did so before f was called.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

func systemClock() Clock { return clock.System() }

// dice is the default source of random numbers. It is safe for concurrent use.
func dice() float64 {
	return rand.Float64() //nolint:forbidigo,gosec // the default dice; jitter is no secret
}
