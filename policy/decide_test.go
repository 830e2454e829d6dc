package policy_test

import (
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// firstFailure is a call by the default table whose first attempt has failed
// and that nothing but the failure itself keeps from being retried; with
// changes.
func firstFailure(changes ...func(*policy.State)) policy.State {
	table := policy.Default()
	s := policy.State{Table: &table, Attempts: 1, Repeatable: true, Tokens: 100, Earned: 10}
	for _, change := range changes {
		change(&s)
	}
	return s
}

// left gives the caller a deadline.
func left(d time.Duration) func(*policy.State) {
	return func(s *policy.State) { s.Deadline, s.Remaining = true, d }
}

// elapsed lets that much time pass since the first attempt.
func elapsed(d time.Duration) func(*policy.State) {
	return func(s *policy.State) { s.Elapsed = d }
}

// retried says that the class was retried so often.
func retried(class codes.Class, times int) func(*policy.State) {
	return func(s *policy.State) {
		s.Retries[class], s.Exponents[class] = times, times
		s.Attempts += times
	}
}

// unavailable is a server that answered UNAVAILABLE.
func unavailable() codes.Failure {
	return codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Answered}
}

// quota is a refusal that asks for a delay; zero asks for none.
func quota(delay time.Duration) codes.Failure {
	return codes.Failure{
		Class: codes.Quota, Code: grpccodes.ResourceExhausted, Reach: codes.Answered,
		Delay: delay, Asked: delay > 0,
	}
}

// pushedBack is the failure with a grpc-retry-pushback-ms.
func pushedBack(f codes.Failure, delay time.Duration) codes.Failure {
	f.Pushback = codes.Pushback{Set: true, Delay: delay}
	return f
}

// stopped is the failure with a pushback that asks for no further attempt.
func stopped(f codes.Failure) codes.Failure {
	f.Pushback = codes.Pushback{Set: true, Stop: true}
	return f
}

// decideCase is one question and its whole answer.
type decideCase struct {
	name    string
	state   policy.State
	failure codes.Failure
	u       float64
	want    policy.Decision
}

func runDecideCases(t *testing.T, cases []decideCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := policy.Decide(c.state, c.failure, c.u); got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// again is a decision to retry that costs a token.
func again(class codes.Class, wait time.Duration, why policy.Why) policy.Decision {
	pays := policy.Tokens
	if class == codes.Expired {
		pays = policy.Free
	}
	return policy.Decision{Retry: true, Wait: wait, Why: why, Class: class, Pays: pays}
}

// never is a decision against a retry.
func never(class codes.Class, why policy.Why) policy.Decision {
	return policy.Decision{Why: why, Class: class}
}

// TestDecide_everyWhy has a case on each side of every rule.
func TestDecide_everyWhy(t *testing.T) {
	const s = time.Second
	noTokens := func(s *policy.State) { s.Tokens = 0.999 }
	notRepeatable := func(s *policy.State) { s.Repeatable = false }
	attempts := func(n int) func(*policy.State) { return func(s *policy.State) { s.Attempts = n } }
	lost := codes.Failure{Class: codes.Network, Code: grpccodes.Unavailable, Reach: codes.Lost}
	expired := codes.Failure{Class: codes.Expired, Code: grpccodes.Unauthenticated, Reach: codes.Answered}

	runDecideCases(t, []decideCase{
		{"a server's trouble waits the backoff", firstFailure(), unavailable(), 0, again(codes.Server, 2*s, policy.Backoff)},
		{"the dice spread it upward", firstFailure(), unavailable(), 0.5, again(codes.Server, 5*s/2, policy.Backoff)},
		{
			"a hint replaces the backoff", firstFailure(), quota(38 * s), 0,
			policy.Decision{Retry: true, Wait: 38 * s, Why: policy.Hint, Class: codes.Quota, Pays: policy.Free},
		},
		{"a pushback does too", firstFailure(), pushedBack(unavailable(), 7*s), 0.9, again(codes.Server, 7*s, policy.Pushback)},
		{"an expired token is tried again at once", firstFailure(), expired, 0.9, again(codes.Expired, 0, policy.Refresh)},

		{"no failure", firstFailure(), codes.Failure{}, 0, never(codes.None, policy.Success)},
		{
			"a caller that has gone", firstFailure(),
			codes.Failure{Class: codes.Ended, Code: grpccodes.Canceled},
			0, never(codes.Ended, policy.CallerEnded),
		},
		{
			"a request that is wrong", firstFailure(),
			codes.Failure{Class: codes.Request, Code: grpccodes.InvalidArgument},
			0, never(codes.Request, policy.NeverRetried),
		},
		{
			"a class that does not exist", firstFailure(),
			codes.Failure{Class: codes.NumClasses},
			0, never(codes.NumClasses, policy.NeverRetried),
		},
		{"a method that may not run twice", firstFailure(notRepeatable), lost, 0, never(codes.Network, policy.NotRepeatable)},
		{"one that may", firstFailure(), lost, 0, again(codes.Network, s, policy.Backoff)},
		{
			"the last retry of the class", firstFailure(retried(codes.Server, 2)), unavailable(), 0,
			again(codes.Server, 8*s, policy.Backoff),
		},
		{
			"the retries of the class used up", firstFailure(retried(codes.Server, 3)), unavailable(), 0,
			never(codes.Server, policy.ClassExhausted),
		},
		{"the seventh attempt of eight", firstFailure(attempts(7)), unavailable(), 0, again(codes.Server, 2*s, policy.Backoff)},
		{"the eighth attempt of eight", firstFailure(attempts(8)), unavailable(), 0, never(codes.Server, policy.AttemptsExhausted)},
		{"a server that says stop", firstFailure(), stopped(unavailable()), 0, never(codes.Server, policy.PushbackStop)},
		{"a server that says stop and names a delay", firstFailure(), stopped(quota(s)), 0, never(codes.Quota, policy.PushbackStop)},
		{
			"the longest hint that is waited out", firstFailure(), quota(300 * s), 0,
			policy.Decision{Retry: true, Wait: 300 * s, Why: policy.Hint, Class: codes.Quota, Pays: policy.Free},
		},
		{"a hint too long", firstFailure(), quota(300*s + 1), 0, never(codes.Quota, policy.HintTooLong)},
		{"the longest pushback", firstFailure(), pushedBack(unavailable(), 300*s), 0, again(codes.Server, 300*s, policy.Pushback)},
		{"a pushback too long", firstFailure(), pushedBack(unavailable(), 300*s+1), 0, never(codes.Server, policy.HintTooLong)},
		{"just within the ten minutes", firstFailure(elapsed(598 * s)), unavailable(), 0, again(codes.Server, 2*s, policy.Backoff)},
		{
			"just past the ten minutes", firstFailure(elapsed(598*s + 1)), unavailable(), 0,
			never(codes.Server, policy.ElapsedExhausted),
		},
		{"just enough time left", firstFailure(left(2*s + 1)), unavailable(), 0, again(codes.Server, 2*s, policy.Backoff)},
		{"an attempt that could only begin at the deadline", firstFailure(left(2 * s)), unavailable(), 0, never(codes.Server, policy.DeadlineTooNear)},
		{"a deadline that has passed", firstFailure(left(-s)), unavailable(), 0, never(codes.Server, policy.DeadlineTooNear)},
		{"the last token", firstFailure(func(s *policy.State) { s.Tokens = 1 }), unavailable(), 0, again(codes.Server, 2*s, policy.Backoff)},
		{"not even one token", firstFailure(noTokens), unavailable(), 0, never(codes.Server, policy.BudgetExhausted)},
	})
}

// TestDecide_firstRuleIsNamed: where several rules forbid a retry, the one is
// named that the caller can do the least about.
func TestDecide_firstRuleIsNamed(t *testing.T) {
	// Each step takes away the first objection and leaves all the others.
	table := policy.Default()
	table[codes.Server].Retries = 0
	limited := policy.Limits{MaxAttempts: 4, MaxElapsed: time.Second}
	s := policy.State{Table: &table, Limits: limited, Attempts: 9, Deadline: true}
	s.Retries[codes.Server] = 3
	f := codes.Failure{Class: codes.Ended, Delay: time.Hour, Pushback: codes.Pushback{Set: true, Stop: true}}
	steps := []struct {
		want   policy.Why
		remove func()
	}{
		{policy.CallerEnded, func() { f.Class = codes.Server }},
		{policy.NeverRetried, func() { table[codes.Server].Retries = 3 }},
		{policy.NotRepeatable, func() { s.Repeatable = true }},
		{policy.ClassExhausted, func() { s.Retries[codes.Server] = 2 }},
		{policy.AttemptsExhausted, func() { s.Attempts = 3 }},
		{policy.PushbackStop, func() { f.Pushback = codes.Pushback{} }},
		{policy.HintTooLong, func() { f.Delay = 0 }},
		{policy.ElapsedExhausted, func() { s.Limits.MaxElapsed = time.Minute }},
		{policy.DeadlineTooNear, func() { s.Deadline = false }},
		{policy.BudgetExhausted, func() { s.Tokens = 1 }},
		{policy.Backoff, func() {}},
	}
	for _, step := range steps {
		if got := policy.Decide(s, f, 0); got.Why != step.want {
			t.Errorf("got %+v, want %v", got, step.want)
		}
		step.remove()
	}
}

// TestDecide_limits: the limits where they are set, and where their default
// depends on the table.
func TestDecide_limits(t *testing.T) {
	const s = time.Second
	attempts := func(n int) func(*policy.State) { return func(s *policy.State) { s.Attempts = n } }
	limits := func(l policy.Limits) func(*policy.State) { return func(s *policy.State) { s.Limits = l } }
	longRow := func(n int) func(*policy.State) {
		return func(s *policy.State) {
			table := *s.Table
			table[codes.Other].Retries = n
			s.Table = &table
		}
	}
	retry := again(codes.Server, 2*s, policy.Backoff)
	runDecideCases(t, []decideCase{
		{"attempts set, one left", firstFailure(limits(policy.Limits{MaxAttempts: 3}), attempts(2)), unavailable(), 0, retry},
		{
			"attempts set, none left", firstFailure(limits(policy.Limits{MaxAttempts: 3}), attempts(3)), unavailable(), 0,
			never(codes.Server, policy.AttemptsExhausted),
		},
		{"more attempts set than the default", firstFailure(limits(policy.Limits{MaxAttempts: 20}), attempts(19)), unavailable(), 0, retry},
		{"a row of 20 raises the default, one left", firstFailure(longRow(20), attempts(20)), unavailable(), 0, retry},
		{
			"a row of 20 raises the default, none left", firstFailure(longRow(20), attempts(21)), unavailable(), 0,
			never(codes.Server, policy.AttemptsExhausted),
		},
		{
			"a row of 7 leaves the default alone", firstFailure(longRow(7), attempts(8)), unavailable(), 0,
			never(codes.Server, policy.AttemptsExhausted),
		},
		{
			"a row of 20 does not raise what was set",
			firstFailure(longRow(20), limits(policy.Limits{MaxAttempts: 8}), attempts(8)), unavailable(), 0,
			never(codes.Server, policy.AttemptsExhausted),
		},
		{"elapsed set, just enough", firstFailure(limits(policy.Limits{MaxElapsed: 5 * s}), elapsed(3*s)), unavailable(), 0, retry},
		{
			"elapsed set, too late", firstFailure(limits(policy.Limits{MaxElapsed: 5 * s}), elapsed(3*s+1)), unavailable(), 0,
			never(codes.Server, policy.ElapsedExhausted),
		},
		{
			"elapsed clips the jitter", firstFailure(limits(policy.Limits{MaxElapsed: 5 * s}), elapsed(5*s/2)), unavailable(), 1,
			again(codes.Server, 5*s/2, policy.Backoff),
		},
		{"a clock that went backwards", firstFailure(limits(policy.Limits{MaxElapsed: 2 * s}), elapsed(-time.Hour)), unavailable(), 1, retry},
		{
			"the caller's time clips the jitter, and the attempt still begins within it",
			firstFailure(left(5 * s / 2)), unavailable(), 1, again(codes.Server, 5*s/2-1, policy.Backoff),
		},
		{
			"what is clipped stays spread", firstFailure(left(5*s/2 + 1)), unavailable(), 0.5,
			again(codes.Server, 9*s/4, policy.Backoff),
		},
		{
			"the caller's time clips the spread of a hint", firstFailure(left(11*s + 1)), quota(10 * s), 1,
			policy.Decision{Retry: true, Wait: 11 * s, Why: policy.Hint, Class: codes.Quota, Pays: policy.Free},
		},
		{
			"a hint past the deadline ends the call now", firstFailure(left(10 * s)), quota(10 * s), 0,
			never(codes.Quota, policy.DeadlineTooNear),
		},
		{
			"a pushback past the deadline too", firstFailure(left(10 * s)), pushedBack(unavailable(), 10*s), 0,
			never(codes.Server, policy.DeadlineTooNear),
		},
		{"without a deadline what remains is not read", firstFailure(func(s *policy.State) { s.Remaining = -1 }), unavailable(), 0, retry},
		{
			"a server delay set lower", firstFailure(limits(policy.Limits{MaxServerDelay: s})), quota(s + 1), 0,
			never(codes.Quota, policy.HintTooLong),
		},
		{
			"a server delay set higher", firstFailure(limits(policy.Limits{MaxServerDelay: 400 * s})), quota(400 * s), 0,
			policy.Decision{Retry: true, Wait: 400 * s, Why: policy.Hint, Class: codes.Quota, Pays: policy.Free},
		},
	})
}
