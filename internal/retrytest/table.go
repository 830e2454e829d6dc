package retrytest

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// Network returns options for so many retries of class Network, each after the same wait.
func Network(retries int, wait time.Duration) []interceptor.Option {
	return []interceptor.Option{
		interceptor.WithPolicy(codes.Network, policy.Policy{Retries: retries, Base: wait, Max: wait, Multiplier: 1, Jitter: policy.None}),
	}
}

// AtOnce returns a table with so many retries, without waits, for every class but None and
// Ended.
func AtOnce(retries int) policy.Table {
	var t policy.Table
	for c := range codes.Class(codes.NumClasses) {
		if c != codes.None && c != codes.Ended {
			t[c] = policy.Policy{Retries: retries}
		}
	}
	return t
}
