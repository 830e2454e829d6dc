// Package bench measures what retries cost: each figure stands beside the
// bare call, "none", in the same run. `make bench` prints them.
//
// Absolute times depend on the machine; allocations do not, and are bounded
// by tests.
package bench
