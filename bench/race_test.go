//go:build race

package bench_test

// raceEnabled: the race detector makes sync.Pool drop items on purpose, so
// that counts of allocations mean nothing.
const raceEnabled = true
