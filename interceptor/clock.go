package interceptor

import (
	"math/rand/v2"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
)

// Clock tells the time and waits. Inject a fake one to make waits
// deterministic; it must be safe for concurrent use. Deadlines of contexts
// run on the runtime's clock whatever is injected here: start a fake at
// time.Now, or better, test inside a testing/synctest bubble, which moves
// both.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// AfterFunc calls f after d, never on the goroutine that asked for it;
	// f does not block. The returned function stops it and reports whether it did so before the call.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

func systemClock() Clock { return clock.System() }

// dice is where random numbers come from by default. It is safe for
// concurrent use.
func dice() float64 {
	return rand.Float64() //nolint:forbidigo,gosec // the default dice; jitter is no secret
}
