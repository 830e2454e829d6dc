package policy

import (
	"fmt"
	"math"
	"time"
)

// Jitter says how to spread a backoff, so that clients failing together do not return together.
// The zero value is [Above].
type Jitter uint8

// The jitters, for a backoff of d.
const (
	// Above is uniform in [h/1.5, h], where h is min(1.5 d, max): from d upward, and never
	// above the row's maximum. Above is the default. Judgement: every wait stays inside the
	// row's range if Max is at least 1.5 Base, and at the maximum clients still spread over a
	// third of Max.
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

// Range returns the interval of waits for a backoff of d in a row with maximum limit. Both ends
// are non-negative and never overflow.
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

// scale multiplies a non-negative duration, saturating, rounded to the nearest nanosecond.
func scale(d time.Duration, by float64) time.Duration {
	if f := math.Round(float64(d) * by); f < math.MaxInt64 {
		return time.Duration(f)
	}
	return math.MaxInt64
}

// String returns the name of the jitter, or "Jitter(n)" for an unknown number.
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
