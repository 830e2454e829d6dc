package policy_test

import (
	"slices"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// waits plays a call that fails in this way, one attempt after the other, and
// returns its waits with the least dice and the rule that ended it.
func waits(t *testing.T, s policy.State, failures ...codes.Failure) ([]time.Duration, policy.Why) {
	t.Helper()
	var all []time.Duration
	for _, f := range failures {
		d := policy.Decide(s, f, 0)
		if !d.Retry {
			return all, d.Why
		}
		all = append(all, d.Wait)
		s = s.Count(d)
	}
	return all, policy.Unknown
}

func seconds(all ...time.Duration) []time.Duration {
	for i := range all {
		all[i] *= time.Second
	}
	return all
}

func TestDecide_countsPerClass(t *testing.T) {
	server := unavailable()
	network := codes.Failure{Class: codes.Network, Code: grpccodes.Unavailable, Reach: codes.Unsent}
	other := codes.Failure{Class: codes.Other, Code: grpccodes.Unknown, Reach: codes.Answered}
	push := pushedBack(network, 0)
	cases := []struct {
		name     string
		failures []codes.Failure
		waits    []time.Duration
		end      policy.Why
	}{
		{
			"one class grows until its row ends",
			[]codes.Failure{server, server, server, server},
			seconds(2, 4, 8), policy.ClassExhausted,
		},
		{
			"quota grows by three",
			[]codes.Failure{quota(0), quota(0), quota(0)},
			seconds(5, 15), policy.ClassExhausted,
		},
		{
			"classes that take turns grow apart",
			[]codes.Failure{server, network, server, network, other},
			seconds(2, 1, 4, 2, 1), policy.Unknown,
		},
		{
			"one row that ended does not end another",
			[]codes.Failure{quota(0), quota(0), network, quota(0)},
			seconds(5, 15, 1), policy.ClassExhausted,
		},
		{
			"all together end with the attempts",
			[]codes.Failure{network, network, network, server, server, other, other, other},
			seconds(1, 2, 4, 2, 4, 1, 2), policy.AttemptsExhausted,
		},
		{
			"a pushback restarts the exponent",
			[]codes.Failure{network, network, push, network, network},
			seconds(1, 2, 0, 1, 2), policy.Unknown,
		},
		{
			"a pushback does not restart the count",
			[]codes.Failure{push, push, push, push, push, push},
			seconds(0, 0, 0, 0, 0), policy.ClassExhausted,
		},
		{
			"a pushback restarts its own class only",
			[]codes.Failure{server, network, push, server, network},
			seconds(2, 1, 0, 4, 1), policy.Unknown,
		},
		{
			"a hint does not restart the exponent",
			[]codes.Failure{quota(time.Second), quota(0)},
			seconds(1, 15), policy.Unknown,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, end := waits(t, firstFailure(), c.failures...)
			if !slices.Equal(got, c.waits) || end != c.end {
				t.Errorf("got %v, ended by %v\nwant %v, ended by %v", got, end, c.waits, c.end)
			}
		})
	}
}

func TestStateCount_countsOneRetry(t *testing.T) {
	s := firstFailure(retried(codes.Server, 1), retried(codes.Network, 2))
	d := policy.Decide(s, unavailable(), 0)
	got := s.Count(d)

	want := s
	want.Attempts = 5
	want.Retries[codes.Server], want.Exponents[codes.Server] = 2, 2
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if s.Attempts != 4 || s.Retries[codes.Server] != 1 {
		t.Errorf("the state that was counted from has changed: %+v", s)
	}
}

// TestStateCount_noRetryCountsNothing: a decision against a retry may name a
// class that does not exist, and there is nothing to count.
func TestStateCount_noRetryCountsNothing(t *testing.T) {
	s := firstFailure()
	for _, f := range []codes.Failure{{}, {Class: codes.Request}, {Class: 200}} {
		if got := s.Count(policy.Decide(s, f, 0)); got != s {
			t.Errorf("%v: got %+v\nwant it unchanged, %+v", f.Class, got, s)
		}
	}
}
