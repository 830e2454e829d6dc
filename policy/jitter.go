package policy

import (
	"fmt"
	"math"
	"time"
)

// Jitter is how a backoff is spread, so that clients that failed together do
// not come back together. The zero value is [Above].
type Jitter uint8

// The jitters, for a backoff of d.
const (
	// Above is uniform in [h/1.5, h], where h is min(1.5 d, max): from d
	// upward, and never above the row's maximum. It is the default.
	// Judgement: every wait lies inside the row's range as long as Max is at
	// least 1.5 Base, and clients still spread over half of it when the
	// maximum is reached.
	Above Jitter = iota
	// Full is uniform in [0, d] (AWS Architecture Blog, "Exponential Backoff
	// And Jitter").
	Full
	// Equal is uniform in [d/2, d] (same source).
	Equal
	// Symmetric is d times a number in [0.8, 1.2] (gRFC A6).
	Symmetric
	// None is d itself.
	None
)

// Range returns the interval of the waits for a backoff of d in a row whose
// maximum is limit. Nothing in it is negative or overflows.
func (j Jitter) Range(d, limit time.Duration) Range {
	d = max(d, 0)
	switch j {
	case Above:
		h := max(min(scale(d, 1.5), limit), 0)
		return Range{Min: scale(h, 1/1.5), Max: h}
	case Full:
		return Range{Min: 0, Max: d}
	case Equal:
		return Range{Min: d / 2, Max: d}
	case Symmetric:
		return Range{Min: scale(d, 0.8), Max: scale(d, 1.2)}
	case None:
	}
	return Range{Min: d, Max: d}
}

// scale multiplies a duration that is not negative, saturating, to the
// nearest nanosecond.
func scale(d time.Duration, by float64) time.Duration {
	if f := math.Round(float64(d) * by); f < math.MaxInt64 {
		return time.Duration(f)
	}
	return math.MaxInt64
}

// String returns the name of the jitter, or "Jitter(n)" for a number that is
// none.
func (j Jitter) String() string {
	switch j {
	case Above:
		return "Above"
	case Full:
		return "Full"
	case Equal:
		return "Equal"
	case Symmetric:
		return "Symmetric"
	case None:
		return "None"
	}
	return fmt.Sprintf("Jitter(%d)", uint8(j))
}
