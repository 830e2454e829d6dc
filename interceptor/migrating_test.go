package interceptor_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// course is how a call went.
type course struct {
	Gaps []time.Duration // between its attempts
	Code grpccodes.Code
	Told int // retries that a callback was told of
}

// asBefore has the options by which docs/migrating.md keeps what WithCodes and a backoff
// have done: one row of the table, for these codes alone.
func asBefore(row policy.Policy, match codes.Rule) []interceptor.Option {
	var table policy.Table
	table[codes.Other] = row
	match.Name, match.Class = "as-before", codes.Other
	never := codes.Rule{Name: "not-before", Class: codes.Request} // UNKNOWN is of class Other, too
	return []interceptor.Option{interceptor.WithTable(table), interceptor.WithRules(match, never), interceptor.Repeatable()}
}

// TestMigrating_goGRPCMiddleware: what docs/migrating.md gives in the place of the options of
// go-grpc-middleware's retry makes the same attempts at the same times, with the same
// outcome, for a connection and for a call.
func TestMigrating_goGRPCMiddleware(t *testing.T) {
	const ms = time.Millisecond
	row := func(base, most time.Duration, multiplier float64) policy.Policy {
		return policy.Policy{Retries: 2, Base: base, Max: most, Multiplier: multiplier, Jitter: policy.None}
	}
	unavailable := codes.Rule{Codes: []grpccodes.Code{grpccodes.Unavailable}}
	exponential, linear := row(100*ms, time.Minute, 2), row(70*ms, 70*ms, 1)
	silent := func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	fail := func(c grpccodes.Code, attempts int) unaryHandler { return refuseFirst(attempts, status.Error(c, "no")) }
	for name, c := range map[string]struct {
		server   unaryHandler
		theirs   []retry.CallOption
		ours     []interceptor.Option
		theyCall []grpc.CallOption // of the call
		weCall   []grpc.CallOption
	}{
		"WithMax, WithCodes, exponential": {
			server: fail(grpccodes.Unavailable, 9),
			theirs: []retry.CallOption{retry.WithMax(3), retry.WithCodes(grpccodes.Unavailable), retry.WithBackoff(retry.BackoffExponential(100 * ms))},
			ours:   asBefore(exponential, unavailable),
		},
		"linear, and a success": {
			server: fail(grpccodes.Unavailable, 2),
			theirs: []retry.CallOption{retry.WithMax(3), retry.WithCodes(grpccodes.Unavailable), retry.WithBackoff(retry.BackoffLinear(70 * ms))},
			ours:   asBefore(linear, unavailable),
		},
		"another code": {
			server: fail(grpccodes.Internal, 2),
			theirs: []retry.CallOption{retry.WithMax(3), retry.WithCodes(grpccodes.Unavailable), retry.WithBackoff(retry.BackoffLinear(70 * ms))},
			ours:   asBefore(linear, unavailable),
		},
		"a code of class Other": {
			server: fail(grpccodes.Unknown, 2),
			theirs: []retry.CallOption{retry.WithMax(3), retry.WithCodes(grpccodes.Unavailable), retry.WithBackoff(retry.BackoffLinear(70 * ms))},
			ours:   asBefore(linear, unavailable),
		},
		"WithRetriable": {
			server: fail(grpccodes.NotFound, 1),
			theirs: []retry.CallOption{
				retry.WithMax(3), retry.WithBackoff(retry.BackoffLinear(70 * ms)),
				retry.WithRetriable(func(err error) bool { return status.Convert(err).Message() == "no" }),
			},
			ours: asBefore(linear, codes.Rule{Match: func(r *codes.Report) bool { return r.Message == "no" }}),
		},
		"Disable, of a call": {
			server:   fail(grpccodes.Unavailable, 2),
			theirs:   []retry.CallOption{retry.WithMax(3), retry.WithCodes(grpccodes.Unavailable), retry.WithBackoff(retry.BackoffLinear(70 * ms))},
			ours:     asBefore(linear, unavailable),
			theyCall: []grpc.CallOption{retry.Disable()},
			weCall:   []grpc.CallOption{interceptor.Disable()},
		},
		"WithMax, of a call": {
			server:   fail(grpccodes.Unavailable, 9),
			theirs:   []retry.CallOption{retry.WithMax(3), retry.WithCodes(grpccodes.Unavailable), retry.WithBackoff(retry.BackoffLinear(70 * ms))},
			ours:     asBefore(linear, unavailable),
			theyCall: []grpc.CallOption{retry.WithMax(2)},
			weCall:   []grpc.CallOption{interceptor.MaxRetries(1)},
		},
		"WithPerRetryTimeout": {
			server: silent,
			theirs: []retry.CallOption{retry.WithMax(3), retry.WithPerRetryTimeout(2 * time.Second), retry.WithBackoff(retry.BackoffLinear(70 * ms))},
			ours: []interceptor.Option{
				interceptor.WithPolicy(codes.Timeout, linear), interceptor.WithAttemptTimeout(2 * time.Second), interceptor.Repeatable(),
				interceptor.WithoutBudget(), // else a connection's first calls have no retry after a timeout
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play := func(dial []grpc.DialOption, call []grpc.CallOption, told *int) (got course) {
				synctest.Test(t, func(t *testing.T) {
					s := &server{unary: c.server}
					conn := serve(t, s, dial...)
					_, err := callUnary(t.Context(), conn, call...)
					got = course{s.gaps(), status.Code(err), *told}
				})
				return got
			}
			var they, we int
			theirs := append(slices.Clone(c.theirs), retry.WithOnRetryCallback(func(context.Context, uint, error) { they++ }))
			want := play([]grpc.DialOption{grpc.WithChainUnaryInterceptor(retry.UnaryClientInterceptor(theirs...)), grpc.WithDisableRetry()}, c.theyCall, &they)
			ours := append(slices.Clone(c.ours), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				if e.Outcome == interceptor.Pending && e.Decision.Retry {
					we++
				}
			}))
			got := play(interceptor.DialOptions(ours...), c.weCall, &we)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-go-grpc-middleware +here:\n%s", diff)
			}
		})
	}
}
