package retrytest

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// Network returns options by which a failure of the network is retried so
// often, each time after the same wait.
func Network(retries int, wait time.Duration) []interceptor.Option {
	return []interceptor.Option{
		interceptor.WithPolicy(codes.Network, policy.Policy{Retries: retries, Base: wait, Max: wait, Multiplier: 1, Jitter: policy.None}),
	}
}

// AtOnce retries every class that can be retried so often, without waits.
func AtOnce(retries int) policy.Table {
	var t policy.Table
	for c := range codes.Class(codes.NumClasses) {
		if c != codes.None && c != codes.Ended {
			t[c] = policy.Policy{Retries: retries}
		}
	}
	return t
}
