// Package bench measures the cost of retries: each figure stands beside the bare
// call, "none", from the same run. `make bench` prints the figures.
//
// Absolute times depend on the machine. Allocations do not, and tests bound them.
package bench
