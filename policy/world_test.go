package policy_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// replay is the seed of the random tests; 0 takes a new one for each run. Set
// it to the seed that a failed test has logged to see the same worlds again.
const replay uint64 = 0

// newRand returns the source of one random test and logs its seed.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := replay
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test has to be repeatable, not secret
}

// pick returns one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// coin is true once in n times.
func coin(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// belowOne is the largest number that a die in [0, 1) can show.
func belowOne() float64 { return math.Nextafter(1, 0) }

// dice returns a number in [0, 1), often one of its ends.
func dice(r *rand.Rand) float64 {
	if coin(r, 4) {
		return pick(r, 0, math.SmallestNonzeroFloat64, 0.5, belowOne())
	}
	return r.Float64()
}

// loadedDice are numbers that no honest die shows.
func loadedDice() []float64 {
	return []float64{math.NaN(), math.Inf(-1), -1, -math.SmallestNonzeroFloat64, 1, math.Nextafter(1, 2), 2, math.Inf(1)}
}

// anyDuration returns a duration of 0 or more, of every order of magnitude.
func anyDuration(r *rand.Rand) time.Duration {
	return pick(r, time.Duration(r.Int64()>>r.IntN(63)), 0, 1, 2, 3, time.Second, math.MaxInt64)
}

// anyRow returns a valid row.
func anyRow(r *rand.Rand) policy.Policy {
	base, limit := anyDuration(r), anyDuration(r)
	return policy.Policy{
		Retries:    r.IntN(policy.MaxRetries + 1),
		Base:       min(base, limit),
		Max:        max(base, limit),
		Multiplier: pick(r, 1, 1.3, 2, 3, 1e6, math.MaxFloat64, 1+r.ExpFloat64()),
		Jitter:     pick(r, policy.Above, policy.Full, policy.Equal, policy.Symmetric, policy.None),
	}
}

// worldDuration returns one of a few durations, so that the delays, the
// limits and what is left of them often meet to the nanosecond.
func worldDuration(r *rand.Rand) time.Duration {
	d := time.Duration(r.IntN(9)) * time.Second / 2
	return max(d+time.Duration(pick(r, 0, 0, 0, -1, 1)), 0)
}

// worldRow returns a valid row of a world where seconds matter.
func worldRow(r *rand.Rand) policy.Policy {
	base := worldDuration(r)
	return policy.Policy{
		Retries:    r.IntN(5),
		Base:       base,
		Max:        base + worldDuration(r)*pick[time.Duration](r, 0, 1, 10),
		Multiplier: pick(r, 1, 1.3, 2, 3),
		Jitter:     pick(r, policy.Above, policy.Full, policy.Equal, policy.Symmetric, policy.None),
	}
}

// worldTable returns a valid table.
func worldTable(r *rand.Rand) policy.Table {
	var t policy.Table
	for class := range t {
		t[class] = worldRow(r)
	}
	t[codes.None].Retries, t[codes.Ended].Retries = 0, 0
	if coin(r, 5) { // more than the default of the attempts allows
		t[codes.Network].Retries = 7 + r.IntN(5)
	}
	return t
}

// worldLimits returns valid limits, some of them left to their default.
func worldLimits(r *rand.Rand) policy.Limits {
	return policy.Limits{
		MaxAttempts:    pick(r, 0, 0, 1, 2, 5),
		MaxElapsed:     pick(r, 0, 0, worldDuration(r), worldDuration(r)*10),
		MaxServerDelay: pick(r, 0, 0, worldDuration(r)),
	}
}

// worldFailure returns a failure as package codes might find it, and some
// that it would not.
func worldFailure(r *rand.Rand) codes.Failure {
	f := codes.Failure{
		Class: codes.Class(r.UintN(codes.NumClasses)), //nolint:gosec // of these few
		Code:  grpccodes.Code(r.UintN(18)),            //nolint:gosec // one more than grpc knows
		Reach: pick(r, codes.Lost, codes.Unsent, codes.Answered),

		MayHaveRun: coin(r, 4),
	}
	if coin(r, 3) {
		f.Dimensions = map[string]string{"model": "a"}
	}
	if coin(r, 3) {
		f.Code = pick(r, grpccodes.Unavailable, grpccodes.Unauthenticated)
	}
	if coin(r, 3) {
		f.Delay, f.Asked = worldDuration(r), coin(r, 2)
	}
	if coin(r, 4) {
		f.Pushback = codes.Pushback{Set: !coin(r, 5), Stop: coin(r, 5), Delay: worldDuration(r)}
	}
	return f
}

// worldState returns a call in the middle of its life.
func worldState(r *rand.Rand, table *policy.Table) policy.State {
	s := policy.State{
		Table:      table,
		Limits:     worldLimits(r),
		Attempts:   1 + r.IntN(9),
		Elapsed:    pick(r, 0, worldDuration(r), policy.DefaultMaxElapsed-worldDuration(r)),
		Deadline:   coin(r, 2),
		Remaining:  pick(r, worldDuration(r), worldDuration(r)*10, time.Hour) - pick[time.Duration](r, 0, 0, time.Second),
		Repeatable: coin(r, 2),
		Tokens:     pick(r, 100, 100, 1, 0.999, 0, math.Inf(1), math.NaN()),
		Earned:     pick(r, 10, 1, 0.9, 0, math.NaN()),
		OwnTimeout: coin(r, 6),
		CanRefresh: coin(r, 2),
		Elsewhere:  pick(r, policy.Nowhere, policy.Nowhere, policy.SameConnection, policy.OtherConnection),
	}
	for class := range s.Retries {
		s.Retries[class] = r.IntN(4) * r.IntN(2)
		s.Exponents[class] = pick(r, s.Retries[class], 0)
	}
	return s
}
