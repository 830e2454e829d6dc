package grpctest

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

// firstSeed is the first seed of the random tests. 0 takes a new seed for each run; a
// failed test names the seed to give.
var firstSeed = flag.Uint64("seed", 0, "the seed of the random tests; 0 takes a new one")

// Seed returns the seed of round n.
func Seed(t *testing.T, n int) uint64 {
	t.Helper()
	if *firstSeed != 0 {
		return *firstSeed + uint64(n) //nolint:gosec // not negative
	}
	return uint64(time.Now().UnixNano()) + uint64(n) //nolint:gosec // likewise
}

// Of returns one of the values.
func Of[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// Once returns true with a probability of 1/n.
func Once(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }
