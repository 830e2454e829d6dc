package policy_test

import (
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDecide_agreesWithTheOracle: in any world, a failure is retried if and
// only if nothing forbids it, and then within all bounds.
func TestDecide_agreesWithTheOracle(t *testing.T) {
	r := newRand(t)
	seen := map[policy.Why]int{}
	for range 60_000 {
		table := worldTable(r)
		u := dice(r)
		if coin(r, 20) {
			u = pick(r, loadedDice()...)
		}
		d := checkDecide(t, worldState(r, &table), worldFailure(r), u)
		seen[d.Why]++
	}
	for why := policy.Backoff; why <= policy.BudgetExhausted; why++ {
		if seen[why] < 20 {
			t.Errorf("%v was seen %d times, want the worlds to reach every rule often", why, seen[why])
		}
	}
}

// TestDecide_retriesWhatCanBe: in a generous world, where only a row can end
// a call, every retry of the row is made.
func TestDecide_retriesWhatCanBe(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		table := worldTable(r)
		class := codes.Class(1 + r.UintN(codes.NumClasses-2)) //nolint:gosec // neither None nor Ended
		f := worldFailure(r)
		f.Class, f.Pushback.Stop = class, false
		s := policy.State{
			Table: &table, Attempts: 1, Repeatable: true, Tokens: 100,
			Limits: policy.Limits{MaxAttempts: 100, MaxElapsed: time.Hour, MaxServerDelay: time.Hour},
		}
		made := 0
		for {
			d := checkDecide(t, s, f, dice(r))
			if !d.Retry {
				break
			}
			made++
			s = s.Count(d)
		}
		if want := table[class].Retries; made != want {
			t.Fatalf("%v: %d retries, want %d\n%+v", class, made, want, f)
		}
	}
}

// TestDecide_wholeCalls plays calls to their end: whatever happens to them,
// they end, and within every limit.
func TestDecide_wholeCalls(t *testing.T) {
	r := newRand(t)
	longest := 0
	for range 4000 {
		table := worldTable(r)
		s := worldState(r, &table)
		s.Attempts, s.Elapsed = 1, 0
		s.Retries, s.Exponents = [codes.NumClasses]int{}, [codes.NumClasses]int{}
		if s.Tokens > 0 {
			s.Tokens = pick[float64](r, 100, 3, 1)
		}
		tokens, earned := s.Tokens, s.Earned
		made := playCall(t, &s, func() codes.Failure { return worldFailure(r) }, func() float64 { return dice(r) },
			func() time.Duration { return worldDuration(r) / 4 })
		longest = max(longest, made)

		limit := ask(s, codes.Failure{}).attempts
		if made+1 > limit || s.Attempts != made+1 {
			t.Fatalf("%d attempts, counted as %d, want at most %d", made+1, s.Attempts, limit)
		}
		total := 0
		for class, retries := range s.Retries {
			if retries > table[class].Retries {
				t.Fatalf("%v: %d retries, want at most %d", codes.Class(class), retries, table[class].Retries)
			}
			total += retries
		}
		if s.Elsewhere == policy.Nowhere && total != made {
			t.Fatalf("the classes have %d retries, want the %d that were made", total, made)
		}
		if s.Tokens < 0 || s.Earned < 0 {
			t.Fatalf("%v and %v tokens are left of %v and %v, want no debt", s.Tokens, s.Earned, tokens, earned)
		}
	}
	if longest < 5 {
		t.Errorf("the longest call made %d retries, want the worlds to allow more", longest)
	}
}

// playCall plays a call until Decide ends it and returns its retries. The
// state is left as it was when it ended.
func playCall(
	t *testing.T, s *policy.State, failure func() codes.Failure, u func() float64, attempt func() time.Duration,
) int {
	t.Helper()
	elapsedLimit := ask(*s, codes.Failure{}).elapsed
	for retries := 0; ; retries++ {
		if retries > policy.MaxRetries*codes.NumClasses {
			t.Fatalf("the call goes on for ever: %+v", s)
		}
		d := checkDecide(t, *s, failure(), u())
		if !d.Retry {
			return retries
		}
		switch d.Pays {
		case policy.Tokens:
			s.Tokens--
		case policy.Earned:
			s.Earned--
		case policy.Free:
		}
		*s = s.Count(d)
		s.Elapsed += d.Wait
		s.Remaining -= d.Wait
		if s.Deadline && s.Remaining <= 0 {
			t.Fatalf("an attempt begins %v after the deadline", -s.Remaining)
		}
		if number(s.Elapsed).Cmp(elapsedLimit) > 0 {
			t.Fatalf("an attempt begins %v after the first, want at most %v ns", s.Elapsed, elapsedLimit)
		}
		ran := attempt()
		s.Elapsed += ran
		s.Remaining -= ran
	}
}
