package policy_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// wantNear checks that got is want to the nearest nanosecond, or for
// durations that no float64 can hold exactly, to its last digits; and that
// what is too large to be a duration is the largest one.
func wantNear(t *testing.T, what string, got time.Duration, want *big.Rat) {
	t.Helper()
	if top := new(big.Rat).SetInt64(math.MaxInt64); want.Cmp(top) > 0 {
		want = top
	}
	exact, _ := want.Float64()
	slack := 0.5 + exact/(1<<52)
	diff := new(big.Rat).Sub(new(big.Rat).SetInt64(int64(got)), want)
	if off, _ := diff.Float64(); math.Abs(off) > slack {
		t.Fatalf("%s: got %v, want %s ns", what, got, want.FloatString(1))
	}
}

func times(d time.Duration, num, denom int64) *big.Rat {
	return new(big.Rat).Mul(new(big.Rat).SetInt64(int64(d)), big.NewRat(num, denom))
}

func TestJitterRange_boundsAreAsDocumented(t *testing.T) {
	r := newRand(t)
	for range 5000 {
		d, limit := anyDuration(r), anyDuration(r)
		if d > limit && !coin(r, 10) { // a backoff is never above its limit, but nothing forbids to ask
			d, limit = limit, d
		}
		what := fmt.Sprintf("backoff %d, max %d: ", d, limit)

		above := policy.Above.Range(d, limit)
		h := times(d, 3, 2)
		if top := times(limit, 1, 1); h.Cmp(top) > 0 {
			h = top
		}
		wantNear(t, what+"Above, upper end: min(1.5 d, max)", above.Max, h)
		wantNear(t, what+"Above, lower end: upper end / 1.5", above.Min, times(above.Max, 2, 3))
		if above.Max > limit {
			t.Fatalf("%sAbove goes up to %v, want at most max", what, above.Max)
		}

		if got, want := policy.Full.Range(d, limit), (policy.Range{Min: 0, Max: d}); got != want {
			t.Fatalf("%sFull: got %v, want %v", what, got, want)
		}
		if got, want := policy.Equal.Range(d, limit), (policy.Range{Min: d / 2, Max: d}); got != want {
			t.Fatalf("%sEqual: got %v, want %v", what, got, want)
		}
		symmetric := policy.Symmetric.Range(d, limit)
		wantNear(t, what+"Symmetric, lower end: 0.8 d", symmetric.Min, times(d, 4, 5))
		wantNear(t, what+"Symmetric, upper end: 1.2 d", symmetric.Max, times(d, 6, 5))
		if got, want := policy.None.Range(d, limit), (policy.Range{Min: d, Max: d}); got != want {
			t.Fatalf("%sNone: got %v, want %v", what, got, want)
		}
	}
}

// TestJitterRange_aboveStaysAboveTheBackoff: that is what its name says, and
// it holds as long as max leaves room for it.
func TestJitterRange_aboveStaysAboveTheBackoff(t *testing.T) {
	const s = time.Second
	cases := []struct {
		name     string
		d, limit time.Duration
		want     policy.Range
	}{
		{"with room above", 2 * s, 30 * s, policy.Range{Min: 2 * s, Max: 3 * s}},
		{"with just enough room", 20 * s, 30 * s, policy.Range{Min: 20 * s, Max: 30 * s}},
		{"at the limit it spreads downward", 30 * s, 30 * s, policy.Range{Min: 20 * s, Max: 30 * s}},
		{"between, it keeps its width", 24 * s, 30 * s, policy.Range{Min: 20 * s, Max: 30 * s}},
		{"no backoff", 0, 30 * s, policy.Range{}},
		{"no room at all", 2 * s, 0, policy.Range{}},
		{"the smallest backoff", 1, 30 * s, policy.Range{Min: 1, Max: 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := policy.Above.Range(c.d, c.limit); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestJitterRange_extremesAreHarmless(t *testing.T) {
	extremes := []time.Duration{math.MinInt64, -time.Second, -1, 0, 1, time.Second, math.MaxInt64 - 1, math.MaxInt64}
	for jitter := policy.Above; jitter <= policy.None+1; jitter++ {
		for _, d := range extremes {
			for _, limit := range extremes {
				got := jitter.Range(d, limit)
				if got.Min < 0 || got.Max < got.Min {
					t.Errorf("%v.Range(%d, %d) = %d to %d, want 0 <= min <= max", jitter, d, limit, got.Min, got.Max)
				}
			}
		}
	}
}
