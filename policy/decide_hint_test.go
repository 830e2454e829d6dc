package policy_test

import (
	"math"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// free is a decision to retry after a hint, which costs nothing.
func free(wait time.Duration) policy.Decision {
	return policy.Decision{Retry: true, Wait: wait, Why: policy.Hint, Class: codes.Quota, Pays: policy.Free}
}

func TestDecide_hintIsTheFloor(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	server := unavailable()
	server.Delay, server.Asked = 4*s, true
	negative := unavailable()
	negative.Delay = -s

	runDecideCases(t, []decideCase{
		{"nobody comes back before it", firstFailure(), quota(38 * s), 0, free(38 * s)},
		{"a quarter is added at most", firstFailure(), quota(40 * s), 1, free(50 * s)},
		{"the dice choose in between", firstFailure(), quota(40 * s), 0.5, free(45 * s)},
		{"a short hint is spread over a quarter of a second", firstFailure(), quota(100 * ms), 1, free(350 * ms)},
		{"from one second on the quarter is more", firstFailure(), quota(s), 1, free(1250 * ms)},
		{"just above one second", firstFailure(), quota(1200 * ms), 1, free(1500 * ms)},
		{"it is followed below the row's base", firstFailure(), quota(s), 0, free(s)},
		{"it is followed above the row's max", firstFailure(), quota(200 * s), 0, free(200 * s)},
		{"it counts for every class", firstFailure(), server, 0.5, again(codes.Server, 4500*ms, policy.Hint)},
		{"a negative one is none", firstFailure(), negative, 0, again(codes.Server, 2*s, policy.Backoff)},
		{
			"refused again, the backoff is added to the spread",
			firstFailure(retried(codes.Quota, 1)), quota(40 * s), 1, free(65 * s), // 40 + 10 + 5 x 3
		},
		{
			"refused again after a short hint, two hints are added and no more",
			firstFailure(retried(codes.Quota, 1)), quota(200 * ms), 1, free(850 * ms), // 0.2 + 0.25 + 2 x 0.2
		},
		{
			"after the third, eight",
			firstFailure(retried(codes.Quota, 2), func(s *policy.State) { s.Table[codes.Quota].Retries = 9 }),
			quota(200 * ms), 1, free(2050 * ms), // 0.2 + 0.25 + 8 x 0.2
		},
		{
			"refused again, the floor stays",
			firstFailure(retried(codes.Quota, 1)), quota(40 * s), 0, free(40 * s),
		},
		{
			"refused again, the dice are thrown once",
			firstFailure(retried(codes.Quota, 1)), quota(40 * s), 0.5, free(40*s + 12500*ms),
		},
		{
			"refused again after a pushback, the exponent is that of the first",
			firstFailure(retried(codes.Quota, 1), func(s *policy.State) { s.Exponents[codes.Quota] = 0 }),
			quota(40 * s), 1, free(55 * s),
		},
		{
			"another class refused before adds nothing",
			firstFailure(retried(codes.Server, 2)), quota(40 * s), 1, free(50 * s),
		},
	})
}

// TestDecide_hintSaturates: where someone has lifted every limit, a sum that
// is too large for a duration is the largest duration.
func TestDecide_hintSaturates(t *testing.T) {
	const top = math.MaxInt64
	boundless := func(s *policy.State) {
		s.Limits = policy.Limits{MaxElapsed: top, MaxServerDelay: top}
		table := *s.Table
		table[codes.Quota] = policy.Policy{Retries: 9, Base: top, Max: top, Multiplier: 1}
		s.Table = &table
	}
	again := firstFailure(boundless, retried(codes.Quota, 1))
	runDecideCases(t, []decideCase{
		{"a hint and its spread", firstFailure(boundless), quota(top - 1), 1, free(top)},
		{"the spread and the backoff", again, quota(top / 2), 1, free(top)},
		{"all three", again, quota(top), 1, free(top)},
	})
}

// TestDecide_hintNeverMakesRetriable: a server that names a delay on a failure
// that no delay mends (a daily quota carries a RetryInfo of some seconds) is
// not believed.
func TestDecide_hintNeverMakesRetriable(t *testing.T) {
	for _, class := range []codes.Class{codes.Spent, codes.Auth, codes.Request, codes.Conflict} {
		f := codes.Failure{Class: class, Reach: codes.Answered, Delay: time.Second, Asked: true}
		for _, f := range []codes.Failure{f, pushedBack(f, 0), pushedBack(f, time.Second)} {
			if got, want := policy.Decide(firstFailure(), f, 0), never(class, policy.NeverRetried); got != want {
				t.Errorf("%v, pushback %+v: got %+v, want %+v", class, f.Pushback, got, want)
			}
		}
	}
}

func TestDecide_pushback(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	unset := unavailable()
	unset.Pushback = codes.Pushback{Delay: time.Hour}
	unsetStop := unavailable()
	unsetStop.Pushback = codes.Pushback{Stop: true}
	server := func(wait time.Duration) policy.Decision { return again(codes.Server, wait, policy.Pushback) }
	both := func(wait time.Duration) policy.Decision {
		return policy.Decision{Retry: true, Wait: wait, Why: policy.Pushback, Class: codes.Quota, Pays: policy.Free}
	}

	runDecideCases(t, []decideCase{
		{"zero means at once", firstFailure(), pushedBack(unavailable(), 0), 0.9, server(0)},
		{"n means exactly then", firstFailure(), pushedBack(unavailable(), 250*ms), 0, server(250 * ms)},
		{"no dice are thrown", firstFailure(), pushedBack(unavailable(), 250*ms), belowOne(), server(250 * ms)},
		{"the row's max does not bound it", firstFailure(), pushedBack(unavailable(), 100*s), 0, server(100 * s)},
		{"zero fits whatever is left", firstFailure(left(1)), pushedBack(unavailable(), 0), 0.9, server(0)},
		{"stop is stop", firstFailure(), stopped(unavailable()), 0, never(codes.Server, policy.PushbackStop)},
		{"a negative one is stop", firstFailure(), pushedBack(unavailable(), -1), 0, never(codes.Server, policy.PushbackStop)},
		{"one that is not set says nothing", firstFailure(), unset, 0, again(codes.Server, 2*s, policy.Backoff)},
		{"one that is not set does not stop", firstFailure(), unsetStop, 0, again(codes.Server, 2*s, policy.Backoff)},

		{"with a smaller hint it is the floor", firstFailure(), pushedBack(quota(4*s), 10*s), 0, both(10 * s)},
		{"with a smaller hint nothing is added", firstFailure(), pushedBack(quota(4*s), 10*s), 1, both(10 * s)},
		{"with a larger hint that is the floor", firstFailure(), pushedBack(quota(40*s), 10*s), 0, both(40 * s)},
		{"with a larger hint that is spread", firstFailure(), pushedBack(quota(40*s), 10*s), 1, both(50 * s)},
		{"with a hint a little smaller the spread beyond it is left", firstFailure(), pushedBack(quota(40*s), 45*s), 1, both(50 * s)},
		{"zero with a hint", firstFailure(), pushedBack(quota(40*s), 0), 0, both(40 * s)},
	})
}

// TestDecide_pushbackLiftsNoLimit: a server that says "at once" does not get
// more attempts than one that says nothing.
func TestDecide_pushbackLiftsNoLimit(t *testing.T) {
	lost := codes.Failure{Class: codes.Network, Code: grpccodes.Unavailable}
	cases := []struct {
		name    string
		state   policy.State
		failure codes.Failure
		want    policy.Why
	}{
		{"a class that is never retried", firstFailure(), codes.Failure{Class: codes.Request}, policy.NeverRetried},
		{"a method that may not run twice", firstFailure(func(s *policy.State) { s.Repeatable = false }), lost, policy.NotRepeatable},
		{"the retries of the class", firstFailure(retried(codes.Server, 3)), unavailable(), policy.ClassExhausted},
		{"the attempts", firstFailure(func(s *policy.State) { s.Attempts = 8 }), unavailable(), policy.AttemptsExhausted},
		{"the elapsed time", firstFailure(elapsed(policy.DefaultMaxElapsed + 1)), unavailable(), policy.ElapsedExhausted},
		{"the caller's time", firstFailure(left(0)), unavailable(), policy.DeadlineTooNear},
		{"the budget", firstFailure(func(s *policy.State) { s.Tokens = 0 }), unavailable(), policy.BudgetExhausted},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := policy.Decide(c.state, pushedBack(c.failure, 0), 0)
			if want := never(c.failure.Class, c.want); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
