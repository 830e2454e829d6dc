package migrating_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// byGAX makes a unary call as Google's generated clients do, with these options.
func byGAX(opts ...gax.CallOption) migrant {
	return migrant{dial: []grpc.DialOption{grpc.WithDisableRetry()}, make: func(ctx context.Context, conn *grpc.ClientConn, _ ...grpc.CallOption) error {
		return gax.Invoke(ctx, func(ctx context.Context, _ gax.CallSettings) error { return grpctest.CallUnaryOnce(ctx, conn) }, opts...)
	}}
}

// byRow makes the same call with a rule and a row of ours, and dice that show u.
func byRow(match codes.Rule, row policy.Policy, u float64) migrant {
	return migrant{make: grpctest.CallUnaryOnce, dial: interceptor.DialOptions(
		interceptor.WithTable(policy.Table{codes.Other: row}), asBefore(match), interceptor.Repeatable(), interceptor.WithoutBudget(),
		interceptor.WithLimits(policy.Limits{MaxElapsed: 24 * time.Hour}), interceptor.WithRand(func() float64 { return u }))}
}

// TestMigrating_gax: each option of gax and what the page has for it make as many
// attempts, after waits of the same range, and come to the same status.
func TestMigrating_gax(t *testing.T) {
	down := slices.Repeat(refusals(grpccodes.Unavailable), 5)
	backoff := gax.Backoff{Initial: tick, Max: 3 * tick, Multiplier: 2}
	row := policy.Policy{Retries: policy.MaxRetries, Base: tick, Max: 3 * tick, Multiplier: 2, Jitter: policy.Full}
	busy := func(err error) bool { return strings.Contains(err.Error(), "by the script") }
	on := func(b gax.Backoff, list ...grpccodes.Code) gax.CallOption {
		return gax.WithRetry(func() gax.Retryer { return gax.OnCodes(list, b) })
	}
	for _, tt := range []struct {
		name   string
		theirs []gax.CallOption
		rule   codes.Rule
		row    policy.Policy
		script script
		most   []time.Duration
		code   grpccodes.Code
	}{
		{
			"OnCodes",
			[]gax.CallOption{on(backoff, grpccodes.Unavailable)},
			ofCodes(grpccodes.Unavailable), row, down,
			[]time.Duration{tick, 2 * tick, 3 * tick, 3 * tick, 3 * tick},
			grpccodes.OK,
		},
		{
			"OnCodes, of another code",
			[]gax.CallOption{on(backoff, grpccodes.Unavailable)},
			ofCodes(grpccodes.Unavailable), row, refusals(grpccodes.Unavailable, grpccodes.Unknown),
			[]time.Duration{tick},
			grpccodes.Unknown,
		},
		{
			"OnCodes, of two codes",
			[]gax.CallOption{on(backoff, grpccodes.Unavailable, grpccodes.DeadlineExceeded)},
			ofCodes(grpccodes.Unavailable, grpccodes.DeadlineExceeded), row,
			refusals(grpccodes.Unavailable, grpccodes.DeadlineExceeded, grpccodes.Unavailable),
			[]time.Duration{tick, 2 * tick, 3 * tick},
			grpccodes.OK,
		},
		{
			"the default Backoff",
			[]gax.CallOption{on(gax.Backoff{}, grpccodes.Unavailable)},
			ofCodes(grpccodes.Unavailable),
			policy.Policy{Retries: policy.MaxRetries, Base: time.Second, Max: 30 * time.Second, Multiplier: 2, Jitter: policy.Full},
			down,
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second},
			grpccodes.OK,
		},
		{
			"OnErrorFunc",
			[]gax.CallOption{gax.WithRetry(func() gax.Retryer { return gax.OnErrorFunc(backoff, busy) })},
			codes.Rule{Match: func(r *codes.Report) bool { return busy(r.Err) }},
			row,
			refusals(grpccodes.NotFound),
			[]time.Duration{tick},
			grpccodes.OK,
		},
		{"no Retryer", nil, codes.Rule{Match: func(*codes.Report) bool { return false }}, row, down, nil, grpccodes.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			theirs := tt.script.play(t, byGAX(tt.theirs...), 0)
			for i, gap := range theirs.Gaps {
				if i < len(tt.most) && gap > tt.most[i] {
					t.Errorf("theirs: wait %d is %v, want at most %v", i, gap, tt.most[i])
				}
			}
			for u, gaps := range map[float64][]time.Duration{0: make([]time.Duration, len(tt.most)), 1: tt.most} {
				ours := tt.script.play(t, byRow(tt.rule, tt.row, u), 0)
				if ours.Attempts != theirs.Attempts || ours.Code != theirs.Code || ours.Code != tt.code || !slices.Equal(ours.Gaps, gaps) {
					t.Errorf("theirs: %d attempts and %v, ours: %d after %v and %v, want %v and %v", theirs.Attempts, theirs.Code, ours.Attempts, ours.Gaps, ours.Code, gaps, tt.code)
				}
			}
		})
	}
}

// TestMigrating_gaxDiffers: where ours does otherwise than gax, the page says so.
func TestMigrating_gaxDiffers(t *testing.T) {
	down := slices.Repeat(refusals(grpccodes.Unavailable), 150)
	still := gax.Backoff{Initial: time.Nanosecond, Max: time.Nanosecond, Multiplier: 1} // pauses for a nanosecond
	onUnavailable := gax.WithRetry(func() gax.Retryer { return gax.OnCodes([]grpccodes.Code{grpccodes.Unavailable}, still) })

	t.Run("retries without end", func(t *testing.T) {
		named(t, "100 retries at most")
		theirs := down.play(t, byGAX(onUnavailable), 0)
		ours := down.play(t, byRow(ofCodes(grpccodes.Unavailable), policy.Policy{Retries: policy.MaxRetries}, 0), 0)
		if theirs.Attempts != 151 || theirs.Code != grpccodes.OK || ours.Attempts != 101 || ours.Code != grpccodes.Unavailable {
			t.Errorf("theirs: %d attempts and %v, ours: %d and %v, want 151 and OK, 101 and UNAVAILABLE", theirs.Attempts, theirs.Code, ours.Attempts, ours.Code)
		}
	})
	t.Run("a timeout of the whole call", func(t *testing.T) {
		named(t, "`gax.WithTimeout(d)` | `Timeout: d` of a `policy.Method`, or a context with a timeout")
		silent := script{errSilent}
		theirs := silent.play(t, byGAX(onUnavailable, gax.WithTimeout(2*time.Second)), 0)
		cfg := policy.DefaultConfig()
		cfg.Methods = []policy.Method{{Pattern: "/grpc.testing.TestService/*", Timeout: 2 * time.Second}}
		ours := silent.play(t, migrant{dial: retrytest.DialOptions(interceptor.WithConfig(cfg)), make: grpctest.CallUnaryOnce}, 0)
		wantSamePlay(t, theirs, ours)
	})
	t.Run("a wait past the deadline", func(t *testing.T) {
		named(t, "gax waits for the deadline and returns the context's error")
		always := gax.WithRetry(func() gax.Retryer { return &minutes{} })
		theirs := down.play(t, byGAX(always), time.Second)
		ours := down.play(t, byRow(ofCodes(grpccodes.Unavailable), linear(9, time.Minute), 0), time.Second)
		wantSamePlay(t, playback{Attempts: 1, Took: time.Second, Code: grpccodes.Unknown, Message: context.DeadlineExceeded.Error()}, theirs)
		wantSamePlay(t, playback{Attempts: 1, Code: grpccodes.Unavailable, Message: "by the script"}, ours)
	})
}

// minutes is a Retryer that always waits a minute.
type minutes struct{}

// Retry implements gax.Retryer.
func (*minutes) Retry(error) (time.Duration, bool) { return time.Minute, true }
