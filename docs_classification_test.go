package reinvoke_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// exhausted returns RESOURCE_EXHAUSTED with details.
func exhausted(t *testing.T, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(grpccodes.ResourceExhausted, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

// TestDocs_meaningsOfAQuota: the table of docs/classification.md, by a server that
// refuses once.
func TestDocs_meaningsOfAQuota(t *testing.T) {
	of := func(id string) *errdetails.QuotaFailure {
		return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: id}}}
	}
	in := func(d time.Duration) *errdetails.RetryInfo {
		return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)}
	}
	const s = time.Second
	for _, tt := range []struct {
		name        string
		err         error
		class       codes.Class
		least, most time.Duration // of the wait; none where the call ends at once
		after       time.Duration // told to the caller
	}{
		{
			"per minute", exhausted(t, "Please retry in 38.9s.", of("GenerateRequestsPerMinutePerProjectPerModel"), in(38*s)),
			codes.Quota, 38900 * time.Millisecond, 48625 * time.Millisecond, 0,
		},
		{"per day", exhausted(t, "quota", of("GenerateRequestsPerDayPerProjectPerModel"), in(22*s)), codes.Spent, 0, 0, 0},
		{"limit 0", exhausted(t, "Quota exceeded, limit: 0\nPlease retry in 20s."), codes.Spent, 0, 0, 0},
		{"prepaid", exhausted(t, "Your prepayment credits are depleted."), codes.Spent, 0, 0, 0},
		{"Vertex", exhausted(t, "Resource exhausted. Please try again later."), codes.Quota, 5 * s, 7500 * time.Millisecond, 0},
		{
			"for hours", exhausted(t, "quota", &errdetails.ErrorInfo{Reason: "QUOTA_EXHAUSTED", Domain: "cloudcode-pa.googleapis.com"}, in(9*time.Hour)),
			codes.Spent, 0, 0, 9 * time.Hour,
		},
	} {
		for u, want := range map[float64]time.Duration{0: tt.least, math.Nextafter(1, 0): tt.most} {
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := failing(1, tt.err)
					conn := dialClaimed(t, server, interceptor.DialOptions(interceptor.WithRand(func() float64 { return u }))...)
					err := check(t.Context(), conn)
					gaps := server.gaps()
					if want > 0 {
						if err != nil || len(gaps) != 1 || (gaps[0]-want).Abs() > time.Microsecond {
							t.Errorf("got %v after %v, want success after %v", err, gaps, want)
						}
						return
					}
					if got := interceptor.FailureOf(err).Class; got != tt.class || len(gaps) != 0 {
						t.Errorf("got %v after %d retries: %v, want %v at once", got, len(gaps), err, tt.class)
					}
					if after, _ := interceptor.RetryAfter(err); after != tt.after {
						t.Errorf("come back in %v, want %v", after, tt.after)
					}
				})
			})
		}
	}
	t.Run("a message too large", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := failing(0, nil)
			conn := dialClaimed(t, server, ours()...)
			large := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, 30)}}
			_, err := testpb.NewTestServiceClient(conn).UnaryCall(t.Context(), large, grpc.MaxCallSendMsgSize(10))
			if f := interceptor.FailureOf(err); f.Class != codes.Request || f.Code != grpccodes.ResourceExhausted || server.arrived() != 1 {
				t.Errorf("got %v, want Request and nothing sent: %v", f.Class, err)
			}
		})
	})
}

// TestDocs_ownRule: a rule of the program's own decides the class, and not whether a
// method may run twice.
func TestDocs_ownRule(t *testing.T) {
	rule := interceptor.WithRules(codes.Rule{Name: "own", Class: codes.Server, Codes: []grpccodes.Code{grpccodes.FailedPrecondition}})
	for _, tt := range []struct {
		name    string
		call    []grpc.CallOption
		retries int
	}{
		{"nothing is known of the method", nil, 0},
		{"the method is repeatable", []grpc.CallOption{interceptor.Repeatable()}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := failing(9, status.Error(grpccodes.FailedPrecondition, "not yet"))
				err := check(t.Context(), dialClaimed(t, server, ours(rule)...), tt.call...)
				if f := interceptor.FailureOf(err); f.Class != codes.Server || len(server.gaps()) != tt.retries {
					t.Errorf("got %v after %d retries, want Server after %d", f.Class, len(server.gaps()), tt.retries)
				}
			})
		})
	}
}

// TestDocs_earlyHeaders: after early headers a status without details counts as Lost,
// and so only a repeatable method is retried.
func TestDocs_earlyHeaders(t *testing.T) {
	for _, tt := range []struct {
		name    string
		headers bool
		call    []grpc.CallOption
		reach   codes.Reach
		want    grpccodes.Code
	}{
		{"no headers", false, nil, codes.Answered, grpccodes.OK},
		{"headers, and nothing is known of the method", true, nil, codes.Lost, grpccodes.Unavailable},
		{"headers, and the method is repeatable", true, []grpc.CallOption{interceptor.Repeatable()}, codes.Lost, grpccodes.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &claimed{answer: func(ctx context.Context, n int) error {
					if n > 1 {
						return nil
					}
					if tt.headers {
						_ = grpc.SendHeader(ctx, metadata.Pairs("early", "yes"))
					}
					return status.Error(grpccodes.Unavailable, "busy")
				}}
				var reach []codes.Reach
				observer := interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
					if e.Outcome == interceptor.Pending && e.Err != nil {
						reach = append(reach, e.Failure.Reach)
					}
				})
				err := check(t.Context(), dialClaimed(t, server, ours(observer)...), tt.call...)
				if status.Code(err) != tt.want || !slices.Equal(reach, []codes.Reach{tt.reach}) {
					t.Errorf("got %v and %v, want %v and %v", err, reach, tt.want, tt.reach)
				}
			})
		})
	}
}
