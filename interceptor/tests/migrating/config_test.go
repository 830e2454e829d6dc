package migrating_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// serviceConfig returns a service config with this policy for the test service, and with
// more members of the method config or of the whole.
func serviceConfig(attempts int, list, method, whole string) string {
	return fmt.Sprintf(`{"methodConfig": [{"name": [{"service": "grpc.testing.TestService"}], "retryPolicy": {
		"maxAttempts": %d, "initialBackoff": "0.1s", "maxBackoff": "0.3s", "backoffMultiplier": 2, "retryableStatusCodes": [%s]}%s}]%s}`,
		attempts, list, method, whole)
}

// ofGRPC returns dial options with which grpc itself retries.
func ofGRPC(config string) []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultServiceConfig(config)}
}

// ofFile returns dial options with which the same service config is ours, with dice that
// show u.
func ofFile(t *testing.T, config string, u float64) []grpc.DialOption {
	t.Helper()
	cfg, warnings, err := policyfile.ReadServiceConfig(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 && !strings.Contains(warnings[0].Error(), "maxAttempts") {
		t.Fatalf("got warnings %v, want none but of maxAttempts", warnings)
	}
	return interceptor.DialOptions(interceptor.WithConfig(cfg), interceptor.WithRand(func() float64 { return u }))
}

// scaled returns the waits times by.
func scaled(by float64, waits ...time.Duration) (list []time.Duration) {
	for _, w := range waits {
		list = append(list, time.Duration(float64(w)*by))
	}
	return list
}

// pushed returns UNAVAILABLE with these values of pushback.
func pushed(values ...string) error {
	return sent{error: refused(grpccodes.Unavailable), trailer: metadata.MD{"grpc-retry-pushback-ms": values}}
}

// TestMigrating_serviceConfig: grpc and a policy that was read from the same service
// config make the same attempts after the same waits, and come to the same status.
func TestMigrating_serviceConfig(t *testing.T) {
	const unavailable, both = `"UNAVAILABLE"`, `"UNAVAILABLE", "ABORTED"`
	down := slices.Repeat(refusals(grpccodes.Unavailable), 9)
	for _, tt := range []struct {
		name   string
		config string
		script script
		waits  []time.Duration // before jitter, but for those that a server asks for
		exact  bool            // the server asks for them
		code   grpccodes.Code
	}{
		{"maxAttempts 3", serviceConfig(3, unavailable, "", ""), down, []time.Duration{tick, 2 * tick}, false, grpccodes.Unavailable},
		{"recovered", serviceConfig(3, unavailable, "", ""), down[:1], []time.Duration{tick}, false, grpccodes.OK},
		{"maxBackoff", serviceConfig(5, unavailable, "", ""), down, []time.Duration{tick, 2 * tick, 3 * tick, 3 * tick}, false, grpccodes.Unavailable},
		{"maxAttempts 9, which counts as 5", serviceConfig(9, unavailable, "", ""), down, []time.Duration{tick, 2 * tick, 3 * tick, 3 * tick}, false, grpccodes.Unavailable},
		{"a code that is not named", serviceConfig(3, unavailable, "", ""), refusals(grpccodes.Aborted), nil, false, grpccodes.Aborted},
		{"a code of no other class", serviceConfig(3, both, "", ""), refusals(grpccodes.Aborted, grpccodes.Aborted), []time.Duration{tick, 2 * tick}, false, grpccodes.OK},
		{"INVALID_ARGUMENT, which is named", serviceConfig(3, `"INVALID_ARGUMENT"`, "", ""), refusals(grpccodes.InvalidArgument), []time.Duration{tick}, false, grpccodes.OK},
		{"UNKNOWN and INTERNAL, of which one is named", serviceConfig(4, `"INTERNAL"`, "", ""), refusals(grpccodes.Internal, grpccodes.Unknown), []time.Duration{tick}, false, grpccodes.Unknown},
		{"CANCELLED by the server", serviceConfig(3, `"CANCELLED"`, "", ""), refusals(grpccodes.Canceled), []time.Duration{tick}, false, grpccodes.OK},
		{"another service", strings.Replace(serviceConfig(3, unavailable, "", ""), "grpc.testing.TestService", "a.B", 1), down, nil, false, grpccodes.Unavailable},
		{"pushback", serviceConfig(4, unavailable, "", ""), script{pushed("1500"), pushed("0")}, []time.Duration{1500 * time.Millisecond, 0}, true, grpccodes.OK},
		{"pushback that says stop", serviceConfig(4, unavailable, "", ""), script{pushed("-1")}, nil, false, grpccodes.Unavailable},
		{"pushback that is none", serviceConfig(4, unavailable, "", ""), script{pushed("soon")}, nil, false, grpccodes.Unavailable},
		{"pushback given twice", serviceConfig(4, unavailable, "", ""), script{pushed("1", "2")}, nil, false, grpccodes.Unavailable},
		{"pushback restarts the exponent", serviceConfig(5, unavailable, "", ""), script{down[0], down[0], pushed("0"), down[0]}, []time.Duration{tick, 2 * tick, 0, tick}, false, grpccodes.OK},
		{"timeout", serviceConfig(3, unavailable, `, "timeout": "2s"`, ""), script{errSilent}, nil, false, grpccodes.DeadlineExceeded},
	} {
		for kind, once := range grpctest.BothKinds {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				play := func(dial []grpc.DialOption) playback {
					return tt.script.play(t, migrant{dial: dial, make: once}, time.Minute)
				}
				least, most := scaled(0.8, tt.waits...), scaled(1.2, tt.waits...)
				if tt.exact {
					least, most = tt.waits, tt.waits
				}
				theirs := play(ofGRPC(tt.config))
				for i, gap := range theirs.Gaps {
					if i < len(least) && (gap < least[i] || gap > most[i]) {
						t.Errorf("theirs: wait %d is %v, want %v to %v", i, gap, least[i], most[i])
					}
				}
				for u, gaps := range map[float64][]time.Duration{0: least, 1: most} {
					ours := play(ofFile(t, tt.config, u))
					if ours.Message != theirs.Message {
						named(t, `grpc puts "max retries exhausted" before it`)
					}
					if !slices.Equal(ours.Gaps, gaps) {
						t.Errorf("ours waited %v, want %v", ours.Gaps, gaps)
					}
					if ours.Attempts != theirs.Attempts || ours.Attempts != len(tt.waits)+1 {
						t.Errorf("theirs made %d attempts, ours %d, want %d", theirs.Attempts, ours.Attempts, len(tt.waits)+1)
					}
					if ours.Code != theirs.Code || ours.Code != tt.code || !strings.HasSuffix(theirs.Message, ours.Message) {
						t.Errorf("theirs: %v %q, ours: %v %q, want %v and the server's words", theirs.Code, theirs.Message, ours.Code, ours.Message, tt.code)
					}
				}
			})
		}
	}
}

// TestMigrating_serviceConfigDiffers: where ours does otherwise than grpc, the page says
// so.
func TestMigrating_serviceConfigDiffers(t *testing.T) {
	const unavailable, quota = `"UNAVAILABLE"`, `"RESOURCE_EXHAUSTED"`
	down := slices.Repeat(refusals(grpccodes.Unavailable), 9)
	withDetail := func(code grpccodes.Code, detail *errdetails.RetryInfo) error {
		st, err := status.New(code, "by the script").WithDetails(detail)
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	for _, tt := range []struct {
		name, says   string
		config       string
		script       script
		deadline     time.Duration
		theirs, ours int // attempts
		theirCode    grpccodes.Code
		ourCode      grpccodes.Code
		ourWaits     []time.Duration
	}{
		{
			"a hint", "RetryInfo replaces the backoff", serviceConfig(3, quota, "", ""),
			script{withDetail(grpccodes.ResourceExhausted, &errdetails.RetryInfo{RetryDelay: durationpb.New(20 * time.Second)})},
			0,
			2, 2, grpccodes.OK, grpccodes.OK,
			[]time.Duration{20 * time.Second},
		},
		{
			"a spent quota", "A quota that is spent for the day is not retried", serviceConfig(3, quota, "", ""),
			script{spentForTheDay(t)},
			0,
			2, 1, grpccodes.OK, grpccodes.ResourceExhausted, nil,
		},
		{
			"a wait past the deadline", "grpc waits for the deadline and returns DEADLINE_EXCEEDED", serviceConfig(3, unavailable, "", ""), down, 70 * time.Millisecond,
			1, 1, grpccodes.DeadlineExceeded, grpccodes.Unavailable, nil,
		},
		{
			"throttled", "A retry costs a token of `retryThrottling`, half of `maxTokens` at most; with grpc every failure costs one", serviceConfig(5, unavailable, "", `, "retryThrottling": {"maxTokens": 4, "tokenRatio": 0.1}`), down, 0,
			2, 3, grpccodes.Unavailable, grpccodes.Unavailable, scaled(0.8, tick, 2*tick),
		},
		{
			"two classes", "Each class of failure has an exponent of its own", serviceConfig(5, `"UNAVAILABLE", "ABORTED"`, "", ""), refusals(grpccodes.Unavailable, grpccodes.Aborted, grpccodes.Unavailable), 0,
			4, 4, grpccodes.OK, grpccodes.OK, scaled(0.8, tick, tick, 2*tick),
		},
		{
			"headers before the failure", "whose server has sent headers before its failure is retried", serviceConfig(3, unavailable, "", ""),
			script{sent{error: down[0], header: metadata.Pairs("x", "y")}},
			0,
			1, 2, grpccodes.Unavailable, grpccodes.OK, scaled(0.8, tick),
		},
	} {
		for kind, once := range grpctest.BothKinds {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				named(t, tt.says)
				theirs := tt.script.play(t, migrant{dial: ofGRPC(tt.config), make: once}, tt.deadline)
				ours := tt.script.play(t, migrant{dial: ofFile(t, tt.config, 0), make: once}, tt.deadline)
				if theirs.Attempts != tt.theirs || theirs.Code != tt.theirCode {
					t.Errorf("theirs: got %d attempts and %v, want %d and %v", theirs.Attempts, theirs.Code, tt.theirs, tt.theirCode)
				}
				if ours.Attempts != tt.ours || ours.Code != tt.ourCode || !slices.Equal(ours.Gaps, tt.ourWaits) {
					t.Errorf("ours: got %d attempts after %v and %v, want %d after %v and %v", ours.Attempts, ours.Gaps, ours.Code, tt.ours, tt.ourWaits, tt.ourCode)
				}
			})
		}
	}
}

// spentForTheDay returns the refusal of a quota by the day.
func spentForTheDay(t *testing.T) error {
	t.Helper()
	st, err := status.New(grpccodes.ResourceExhausted, "by the script").WithDetails(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
		Subject: "project:1", QuotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier", QuotaMetric: "requests",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

// TestMigrating_serviceConfigHedges: grpc-go reads a hedgingPolicy and does not hedge;
// ours does.
func TestMigrating_serviceConfigHedges(t *testing.T) {
	named(t, "grpc-go reads a `hedgingPolicy` and does not hedge")
	const config = `{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.5s", "nonFatalStatusCodes": []}}]}`
	answered := func(dial []grpc.DialOption) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if n == 1 {
					select {
					case <-ctx.Done():
					case <-time.After(10 * time.Second):
					}
				}
				return &testpb.SimpleResponse{}, nil
			}}
			conn := grpctest.Serve(t, s, dial...)
			d = grpctest.Took(func() {
				if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
					t.Error(err)
				}
			})
		})
		return d
	}
	if got := answered(ofGRPC(config)); got != 10*time.Second {
		t.Errorf("theirs took %v, want the 10s of the first attempt", got)
	}
	if got := answered(ofFile(t, config, 0)); got != 500*time.Millisecond {
		t.Errorf("ours took %v, want the 500ms of the hedge", got)
	}
}
