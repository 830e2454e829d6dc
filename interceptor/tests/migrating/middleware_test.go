package migrating_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// middleware returns dial options with the retry of go-grpc-middleware.
func middleware(opts ...retry.CallOption) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDisableRetry(),
		grpc.WithUnaryInterceptor(retry.UnaryClientInterceptor(opts...)),
		grpc.WithStreamInterceptor(retry.StreamClientInterceptor(opts...)),
	}
}

// asBefore are the rules of the page: what matches is retried, and nothing else.
func asBefore(match codes.Rule) interceptor.Option {
	match.Name, match.Class = "as-before", codes.Other
	return interceptor.WithRules(match, codes.Rule{Name: "not-before", Class: codes.Request})
}

// ofCodes is a rule for these codes.
func ofCodes(list ...grpccodes.Code) codes.Rule { return codes.Rule{Codes: list} }

// rowOf are the call options of the page: one row of the table, for any method.
func rowOf(row policy.Policy, more ...interceptor.CallOption) []interceptor.CallOption {
	return append([]interceptor.CallOption{interceptor.WithPolicy(codes.Other, row), interceptor.Repeatable()}, more...)
}

// linear and exponential are rows without spread.
func linear(retries int, d time.Duration) policy.Policy {
	return policy.Policy{Retries: retries, Base: d, Max: d, Multiplier: 1, Jitter: policy.None}
}

func exponential(retries int, d time.Duration) policy.Policy {
	return policy.Policy{Retries: retries, Base: d, Max: time.Hour, Multiplier: 2, Jitter: policy.None}
}

// The codes that go-grpc-middleware retries by default.
var theirDefault = ofCodes(grpccodes.ResourceExhausted, grpccodes.Unavailable)

const tick = 100 * time.Millisecond

// TestMigrating_middleware: each option of go-grpc-middleware's retry and what the page
// has for it make the same attempts at the same times, and come to the same end.
func TestMigrating_middleware(t *testing.T) {
	const unavailable, exhausted = grpccodes.Unavailable, grpccodes.ResourceExhausted
	times := func(n uint, more ...retry.CallOption) []retry.CallOption {
		return append([]retry.CallOption{retry.WithMax(n), retry.WithBackoff(retry.BackoffLinear(tick))}, more...)
	}
	down := refusals(unavailable, unavailable, unavailable, unavailable, unavailable)
	busy := func(err error) bool { return strings.Contains(err.Error(), "by the script") }
	for _, tt := range []struct {
		name   string
		theirs []retry.CallOption
		rules  codes.Rule
		ours   []interceptor.CallOption
		script script
		unary  bool // not for streams
		want   int  // attempts
	}{
		{"WithMax(3)", times(3), theirDefault, rowOf(linear(2, tick)), down, false, 3},
		{"WithMax(3), recovered", times(3), theirDefault, rowOf(linear(2, tick)), down[:2], false, 3},
		{"WithMax(3), two codes", times(3), theirDefault, rowOf(linear(2, tick)), refusals(exhausted, unavailable, exhausted, unavailable), false, 3},
		{"WithMax(1)", times(1), theirDefault, rowOf(linear(2, tick), interceptor.MaxRetries(0)), down, false, 1},
		{"WithMax(0)", []retry.CallOption{retry.WithMax(0)}, theirDefault, rowOf(linear(2, tick), interceptor.Disable()), down, false, 1},
		{"WithMax(3), of a longer row", times(3), theirDefault, rowOf(linear(9, tick), interceptor.MaxRetries(2)), down, false, 3},
		{"Disable", []retry.CallOption{retry.WithMax(3), retry.Disable()}, theirDefault, rowOf(linear(2, tick), interceptor.Disable()), down, false, 1},
		{"BackoffLinear", times(5, retry.WithBackoff(retry.BackoffLinear(3*time.Second))), theirDefault, rowOf(linear(4, 3*time.Second)), down, false, 5},
		{"BackoffExponential", times(5, retry.WithBackoff(retry.BackoffExponential(tick))), theirDefault, rowOf(exponential(4, tick)), down, false, 5},
		{"BackoffExponential, two codes", times(4, retry.WithBackoff(retry.BackoffExponential(tick))), theirDefault, rowOf(exponential(3, tick)), refusals(unavailable, exhausted, unavailable), false, 4},
		{
			"BackoffExponentialWithJitterBounded without jitter", times(5, retry.WithBackoff(retry.BackoffExponentialWithJitterBounded(tick, 0, 3*tick))), theirDefault,
			rowOf(policy.Policy{Retries: 4, Base: tick, Max: 3 * tick, Multiplier: 2, Jitter: policy.None}), down, false, 5,
		},
		{
			"WithCodes", times(3, retry.WithCodes(grpccodes.Aborted, grpccodes.Internal)), ofCodes(grpccodes.Aborted, grpccodes.Internal), rowOf(linear(2, tick)),
			refusals(grpccodes.Aborted, grpccodes.Internal, grpccodes.Aborted), false, 3,
		},
		{"WithCodes, of another code", times(3, retry.WithCodes(grpccodes.Aborted)), ofCodes(grpccodes.Aborted), rowOf(linear(2, tick)), down, false, 1},
		{"WithCodes, of UNKNOWN, which is not named", times(3), theirDefault, rowOf(linear(2, tick)), refusals(grpccodes.Unknown), false, 1},
		{"WithCodes, of UNKNOWN, which is", times(3, retry.WithCodes(grpccodes.Unknown)), ofCodes(grpccodes.Unknown), rowOf(linear(2, tick)), refusals(grpccodes.Unknown), false, 2},
		{"WithCodes, of INVALID_ARGUMENT, which is named", times(3, retry.WithCodes(grpccodes.InvalidArgument)), ofCodes(grpccodes.InvalidArgument), rowOf(linear(2, tick)), refusals(grpccodes.InvalidArgument), false, 2},
		{
			"WithCodes, of DEADLINE_EXCEEDED, which they leave out", times(3, retry.WithCodes(unavailable, grpccodes.DeadlineExceeded, grpccodes.Canceled)), ofCodes(unavailable), rowOf(linear(2, tick)),
			refusals(unavailable, grpccodes.DeadlineExceeded), false, 2,
		},
		{
			"WithRetriable", times(3, retry.WithRetriable(busy)),
			codes.Rule{Match: func(r *codes.Report) bool { return busy(r.Err) }},
			rowOf(linear(2, tick)),
			refusals(grpccodes.NotFound, grpccodes.DataLoss), false, 3,
		},
		{"WithRetriable, not so", times(3, retry.WithRetriable(func(error) bool { return false })), codes.Rule{Match: func(*codes.Report) bool { return false }}, rowOf(linear(2, tick)), down, false, 1},
		{
			"WithPerRetryTimeout", times(3, retry.WithPerRetryTimeout(3*time.Second)), timedOutBefore, rowOf(linear(2, tick), interceptor.WithAttemptTimeout(3*time.Second)),
			script{errSilent, refused(unavailable)},
			true, 3,
		},
		{
			"WithPerRetryTimeout, of the server's own DEADLINE_EXCEEDED and CANCELLED", times(4, retry.WithPerRetryTimeout(3*time.Second)), timedOutBefore, rowOf(linear(3, tick), interceptor.WithAttemptTimeout(3*time.Second)),
			refusals(grpccodes.DeadlineExceeded, grpccodes.Canceled, unavailable), false, 4,
		},
	} {
		for kind, once := range grpctest.BothKinds {
			if tt.unary && kind == "stream" {
				continue
			}
			both := func(t *testing.T, theirs, ours migrant) {
				t.Helper()
				theirs.make, ours.make = once, once
				they, we := tt.script.play(t, theirs, time.Minute), tt.script.play(t, ours, time.Minute)
				wantSamePlay(t, they, we)
				if we.Attempts != tt.want {
					t.Errorf("got %d attempts, want %d", we.Attempts, tt.want)
				}
			}
			t.Run(tt.name+", for the connection, "+kind, func(t *testing.T) {
				opts := []interceptor.Option{interceptor.WithTable(policy.Table{}), asBefore(tt.rules), interceptor.WithoutBudget()}
				for _, o := range tt.ours {
					opts = append(opts, o)
				}
				both(t, migrant{dial: middleware(tt.theirs...)}, migrant{dial: retrytest.DialOptions(opts...)})
			})
			t.Run(tt.name+", for the call, "+kind, func(t *testing.T) {
				var call []grpc.CallOption
				for _, o := range tt.theirs {
					call = append(call, o)
				}
				both(t, migrant{dial: middleware(), call: call},
					migrant{dial: retrytest.DialOptions(interceptor.WithTable(policy.Table{}), asBefore(tt.rules), interceptor.WithoutBudget()), call: grpcOptions(tt.ours)})
			})
		}
	}
}

// timedOutBefore is what is retried beside the codes where there is a per-retry timeout.
var timedOutBefore = ofCodes(grpccodes.ResourceExhausted, grpccodes.Unavailable, grpccodes.DeadlineExceeded, grpccodes.Canceled)

// TestMigrating_middlewareJitter: waits with jitter lie in the same range, whose ends the
// dice of ours reach. Where the range differs, the page says so.
func TestMigrating_middlewareJitter(t *testing.T) {
	down := refusals(grpccodes.Unavailable, grpccodes.Unavailable, grpccodes.Unavailable)
	symmetric := func(most time.Duration, multiplier float64) policy.Policy {
		return policy.Policy{Retries: 3, Base: tick, Max: most, Multiplier: multiplier, Jitter: policy.Symmetric}
	}
	ms := func(list ...int) (waits []time.Duration) {
		for _, n := range list {
			waits = append(waits, time.Duration(n)*time.Millisecond)
		}
		return waits
	}
	for _, tt := range []struct {
		name           string
		theirs         retry.BackoffFunc
		row            policy.Policy
		least, most    []time.Duration // theirs, and ours too
		ourMost        []time.Duration // where that is another
		differenceSays string
	}{
		{name: "BackoffLinearWithJitter", theirs: retry.BackoffLinearWithJitter(tick, 0.2), row: symmetric(tick, 1), least: ms(80, 80, 80), most: ms(120, 120, 120)},
		{name: "BackoffExponentialWithJitter", theirs: retry.BackoffExponentialWithJitter(tick, 0.2), row: symmetric(time.Hour, 2), least: ms(80, 160, 320), most: ms(120, 240, 480)},
		{
			name: "BackoffExponentialWithJitterBounded", theirs: retry.BackoffExponentialWithJitterBounded(tick, 0.2, 2*tick), row: symmetric(2*tick, 2), least: ms(80, 160, 160), most: ms(120, 200, 200), ourMost: ms(120, 240, 240),
			differenceSays: "the jitter of 0.2 is added after `Max`",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play := func(dial []grpc.DialOption) []time.Duration {
				return down.play(t, migrant{dial: dial, make: grpctest.CallUnaryOnce}, 0).Gaps
			}
			within := func(whose string, gaps, least, most []time.Duration) {
				if len(gaps) != len(least) {
					t.Fatalf("%s: got %d waits, want %d", whose, len(gaps), len(least))
				}
				for i, gap := range gaps {
					if gap < least[i] || gap > most[i] {
						t.Errorf("%s: wait %d is %v, want %v to %v", whose, i, gap, least[i], most[i])
					}
				}
			}
			ours := func(u float64) []time.Duration {
				opts := []interceptor.Option{interceptor.WithTable(policy.Table{codes.Other: tt.row}), asBefore(theirDefault), interceptor.Repeatable(), interceptor.WithRand(func() float64 { return u })}
				return play(interceptor.DialOptions(opts...))
			}
			within("theirs", play(middleware(retry.WithMax(4), retry.WithBackoff(tt.theirs))), tt.least, tt.most)
			if got := ours(0); !slices.Equal(got, tt.least) {
				t.Errorf("ours at least: got %v, want %v", got, tt.least)
			}
			most := tt.most
			if tt.ourMost != nil {
				most = tt.ourMost
				named(t, tt.differenceSays)
			}
			if got := ours(1); !slices.Equal(got, most) {
				t.Errorf("ours at most: got %v, want %v", got, most)
			}
		})
	}
}
