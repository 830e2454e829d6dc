package policy_test

import (
	"maps"
	"math"
	"math/big"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// oracle is a second formulation of what Decide has to do: every objection on
// its own, none of them knowing of the others, with times as numbers that
// cannot overflow.
type oracle struct {
	s policy.State
	f codes.Failure

	class     codes.Class
	row       policy.Policy
	attempts  int
	elapsed   *big.Int // the most, as are the next
	delay     *big.Int
	asksDelay bool
	floor     *big.Int // the least wait
	ceiling   *big.Int // the most, before it is clipped
}

func number(d time.Duration) *big.Int { return big.NewInt(int64(d)) }

func largest(numbers ...*big.Int) *big.Int {
	most := numbers[0]
	for _, n := range numbers {
		if n.Cmp(most) > 0 {
			most = n
		}
	}
	return most
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func ask(s policy.State, f codes.Failure) *oracle {
	o := &oracle{s: s, f: f, class: f.Class}
	if s.CanRefresh && f.Class == codes.Auth && f.Reach == codes.Answered && f.Code == grpccodes.Unauthenticated {
		o.class = codes.Expired
	}
	longest := 0
	if s.Table != nil {
		for class, row := range s.Table {
			longest = max(longest, row.Retries)
			if codes.Class(class) == o.class {
				o.row = row
			}
		}
	}
	o.attempts = or(s.Limits.MaxAttempts, max(8, longest+1))
	o.elapsed = number(or(s.Limits.MaxElapsed, 600*time.Second))
	o.delay = number(or(s.Limits.MaxServerDelay, 300*time.Second))

	o.floor, o.ceiling = new(big.Int), new(big.Int)
	if f.Delay > 0 {
		o.asksDelay = true
		spread := largest(number(250*time.Millisecond), number(f.Delay/4))
		if o.retries() > 0 {
			more := new(big.Int).Lsh(number(f.Delay), uint(2*min(o.retries(), 100)-1)) // 2 hints, then 8
			more.Add(more, new(big.Int).Rsh(more, 40))                                 // what floats may be off by
			if backoff := number(o.row.Backoff(o.exponent())); backoff.Cmp(more) < 0 {
				more = backoff
			}
			spread = new(big.Int).Add(spread, more)
		}
		o.floor = number(f.Delay)
		o.ceiling = new(big.Int).Add(o.floor, spread)
	}
	if f.Pushback.Set {
		o.asksDelay = true
		o.floor = largest(o.floor, number(f.Pushback.Delay))
		o.ceiling = largest(o.ceiling, o.floor)
	}
	if !o.asksDelay {
		o.floor = number(o.row.Wait(o.exponent(), 0))
		o.ceiling = number(o.row.Wait(o.exponent(), 1))
	}
	return o
}

func (o *oracle) retries() int  { return perClass(o.s.Retries, o.class) }
func (o *oracle) exponent() int { return perClass(o.s.Exponents, o.class) }

func perClass(all [codes.NumClasses]int, class codes.Class) int {
	if int(class) < len(all) {
		return all[class]
	}
	return 0
}

// objections returns the rules that forbid a retry, whether others do or not.
func (o *oracle) objections() []policy.Why {
	s, f := &o.s, &o.f
	refused := o.class == codes.Quota || o.class == codes.Expired || (f.Code == grpccodes.Unavailable && f.Reach == codes.Answered)
	safeToRepeat := s.Repeatable || f.Reach == codes.Unsent || (refused && !f.MayHaveRun)
	start := new(big.Int).Add(largest(new(big.Int), number(s.Elapsed)), o.floor)
	pays := s.Tokens
	if s.OwnTimeout {
		pays = s.Earned
	} else if o.isFree() {
		pays = math.Inf(1)
	}
	all := []struct {
		why     policy.Why
		objects bool
	}{
		{policy.Success, o.class == codes.None},
		{policy.CallerEnded, o.class == codes.Ended},
		{policy.NeverRetried, o.row.Retries < 1},
		{policy.NotRepeatable, !safeToRepeat},
		{policy.ClassExhausted, o.retries() >= o.row.Retries},
		{policy.AttemptsExhausted, s.Attempts >= o.attempts},
		{policy.PushbackStop, f.Pushback.Set && (f.Pushback.Stop || f.Pushback.Delay < 0)},
		{policy.HintTooLong, number(f.Delay).Cmp(o.delay) > 0},
		{policy.HintTooLong, f.Pushback.Set && number(f.Pushback.Delay).Cmp(o.delay) > 0},
		{policy.ElapsedExhausted, start.Cmp(o.elapsed) > 0},
		{policy.DeadlineTooNear, s.Deadline && o.floor.Cmp(number(s.Remaining)) >= 0},
		{policy.BudgetExhausted, math.IsNaN(pays) || pays < 1},
	}
	var found []policy.Why
	for _, rule := range all {
		if rule.objects {
			found = append(found, rule.why)
		}
	}
	return found
}

func (o *oracle) isFree() bool {
	return o.class == codes.Expired || (o.class == codes.Quota && o.f.Asked && o.f.Delay > 0)
}

// reason returns why a retry is made.
func (o *oracle) reason() policy.Why {
	switch {
	case o.f.Pushback.Set:
		return policy.Pushback
	case o.f.Delay > 0:
		return policy.Hint
	case o.class == codes.Expired:
		return policy.Refresh
	}
	return policy.Backoff
}

// checkDecide asks Decide and the oracle, and fails the test where they do
// not agree or where the answer breaks a promise.
func checkDecide(t *testing.T, s policy.State, f codes.Failure, u float64) policy.Decision {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf(format, args...)
		if s.Table != nil {
			t.Logf("table %#v", *s.Table)
		}
		t.Fatalf("state %+v\nfailure %+v\nu %v", s, f, u)
	}

	// What the arguments point to is all that could be changed.
	table, dimensions := policy.Table{}, maps.Clone(f.Dimensions)
	if s.Table != nil {
		table = *s.Table
	}
	d := policy.Decide(s, f, u)
	if again := policy.Decide(s, f, u); again != d {
		fail("asked twice: %+v, then %+v", d, again)
	}
	if (s.Table != nil && !sameTable(*s.Table, table)) || !maps.Equal(f.Dimensions, dimensions) {
		fail("the arguments have changed")
	}

	o := ask(s, f)
	objections := o.objections()
	if d.Class != o.class {
		fail("class %v, want %v", d.Class, o.class)
	}
	if d.Move || o.moves() {
		if !o.moves() {
			fail("got %+v, want no move", d)
		}
		checkMove(o, d, fail)
		return d
	}
	if d.Retry != (len(objections) == 0) {
		fail("got %+v, the objections are %v", d, objections)
	}
	if !d.Retry {
		if want := (policy.Decision{Why: objections[0], Class: o.class}); d != want {
			fail("got %+v, want %+v", d, want)
		}
		return d
	}
	checkRetry(o, d, fail)
	return d
}

// checkRetry checks what is promised of a retry.
func checkRetry(o *oracle, d policy.Decision, fail func(format string, args ...any)) {
	wait, remaining := number(d.Wait), number(o.s.Remaining)
	start := new(big.Int).Add(largest(new(big.Int), number(o.s.Elapsed)), wait)
	switch {
	case d.Wait < 0:
		fail("wait %v, want >= 0", d.Wait)
	case wait.Cmp(o.floor) < 0:
		fail("wait %v, want >= %v", d.Wait, o.floor)
	case wait.Cmp(o.ceiling) > 0:
		fail("wait %v, want <= %v", d.Wait, o.ceiling)
	case d.Wait < o.f.Delay:
		fail("wait %v, want at least the hint %v", d.Wait, o.f.Delay)
	case o.f.Pushback.Set && d.Wait < o.f.Pushback.Delay:
		fail("wait %v, want at least the pushback %v", d.Wait, o.f.Pushback.Delay)
	case o.f.Pushback.Set && o.f.Delay <= 0 && d.Wait != o.f.Pushback.Delay:
		fail("wait %v, want exactly the pushback %v", d.Wait, o.f.Pushback.Delay)
	case o.s.Deadline && wait.Cmp(remaining) >= 0:
		fail("wait %v, want less than what remains, %v", d.Wait, o.s.Remaining)
	case start.Cmp(o.elapsed) > 0:
		fail("the attempt would start %v after the first, want <= %v", start, o.elapsed)
	case d.Why != o.reason():
		fail("why %v, want %v", d.Why, o.reason())
	}
	want := policy.Tokens
	if o.isFree() {
		want = policy.Free
	}
	if o.s.OwnTimeout {
		want = policy.Earned
	}
	if d.Pays != want {
		fail("paid by %v, want %v", d.Pays, want)
	}
}

// sameTable compares two tables to the bit, so that NaN is the same as itself.
func sameTable(a, b policy.Table) bool {
	for class := range a {
		x, y := a[class], b[class]
		if math.Float64bits(x.Multiplier) != math.Float64bits(y.Multiplier) {
			return false
		}
		x.Multiplier, y.Multiplier = 0, 0
		if x != y {
			return false
		}
	}
	return true
}
