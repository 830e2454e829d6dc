//go:build !race

package grpctest

// RaceEnabled reports whether the race detector is on. The race detector changes the
// number of allocations.
const RaceEnabled = false
