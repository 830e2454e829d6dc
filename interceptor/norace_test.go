//go:build !race

package interceptor_test

// raceEnabled says that the race detector is on, which changes what is
// allocated.
const raceEnabled = false
