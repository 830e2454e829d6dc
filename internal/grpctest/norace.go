//go:build !race

package grpctest

// RaceEnabled says that the race detector is on, which changes what is
// allocated.
const RaceEnabled = false
