package policy_test

import (
	"math"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// FuzzDecide: no figure, however absurd and whether or not anyone validated
// it, breaks a promise: no negative wait, none past the deadline, no retry
// against an objection.
func FuzzDecide(f *testing.F) {
	const s = int64(time.Second)
	f.Add(uint8(codes.Server), uint8(14), uint8(codes.Answered), uint8(0), int64(0), int64(0), 0.5,
		3, 2*s, 30*s, 2.0, uint8(0), 1, 0, 0, int64(0), 100*s, 100.0, 10.0, 0, int64(0), int64(0))
	f.Add(uint8(codes.Quota), uint8(8), uint8(codes.Answered), uint8(asked), 38*s, int64(0), 0.9,
		2, 5*s, 120*s, 3.0, uint8(1), 2, 1, 1, 40*s, 20*s, 1.0, 0.0, 5, 60*s, 30*s)
	f.Add(uint8(codes.Auth), uint8(16), uint8(codes.Answered), uint8(canRefresh|hasDeadline), int64(0), int64(0), 0.0,
		1, int64(0), int64(0), 0.0, uint8(4), 1, 0, 0, int64(0), int64(1), 1.0, 0.0, 0, int64(0), int64(0))
	f.Add(uint8(codes.Network), uint8(14), uint8(codes.Lost), uint8(pushbackSet|hasDeadline|ownTimeout), int64(math.MaxInt64),
		int64(math.MinInt64), math.NaN(), math.MaxInt, int64(math.MaxInt64), int64(math.MinInt64), math.Inf(-1), uint8(255),
		math.MinInt, math.MaxInt, math.MaxInt, int64(math.MinInt64), int64(math.MaxInt64), math.NaN(), math.Inf(1),
		math.MaxInt, int64(math.MaxInt64), int64(math.MaxInt64))

	f.Fuzz(func(
		t *testing.T, class, code, reach, flags uint8, delay, pushback int64, u float64,
		retries int, base, limit int64, multiplier float64, jitter uint8, attempts, made, exponent int,
		elapsed, remaining int64, tokens, earned float64, maxAttempts int, maxElapsed, maxServerDelay int64,
	) {
		failure := codes.Failure{
			Class: codes.Class(class), Code: grpccodes.Code(code), Reach: codes.Reach(reach),
			MayHaveRun: flags&mayHaveRun != 0, Delay: time.Duration(delay), Asked: flags&asked != 0,
		}
		if flags&(pushbackSet|pushbackStop) != 0 {
			failure.Pushback = codes.Pushback{
				Set: flags&pushbackSet != 0, Stop: flags&pushbackStop != 0, Delay: time.Duration(pushback),
			}
		}
		var table policy.Table
		for class := range table {
			table[class] = policy.Policy{
				Retries: retries, Base: time.Duration(base), Max: time.Duration(limit),
				Multiplier: multiplier, Jitter: policy.Jitter(jitter),
			}
		}
		state := policy.State{
			Table: &table,
			Limits: policy.Limits{
				MaxAttempts: maxAttempts, MaxElapsed: time.Duration(maxElapsed), MaxServerDelay: time.Duration(maxServerDelay),
			},
			Attempts: attempts, Elapsed: time.Duration(elapsed),
			Deadline: flags&hasDeadline != 0, Remaining: time.Duration(remaining),
			Repeatable: flags&repeatable != 0, Tokens: tokens, Earned: earned,
			OwnTimeout: flags&ownTimeout != 0, CanRefresh: flags&canRefresh != 0,
		}
		for class := range table {
			state.Retries[class], state.Exponents[class] = made, exponent
		}
		d := checkDecide(t, state, failure, u)
		state.Count(d) // must not panic, whatever the class
	})
}

// The flags of FuzzDecide.
const (
	mayHaveRun = 1 << iota
	asked
	pushbackSet
	pushbackStop
	hasDeadline
	repeatable
	ownTimeout
	canRefresh
)
