package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

func TestError_ofASingleAttemptIsTheServersOwn(t *testing.T) {
	want := grpctest.RefusedByQuota(t)
	synctest.Test(t, func(t *testing.T) {
		var below error
		within := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			below = invoker(ctx, method, req, reply, cc, opts...)
			return below
		}
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(want)}
		conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.Disable()), grpc.WithChainUnaryInterceptor(within))...)
		_, err := grpctest.CallUnary(t.Context(), conn)
		if err != below || s.Attempts() != 1 { //nolint:errorlint // the very same
			t.Errorf("got %v after %d attempts, want the value that the transport returned", err, s.Attempts())
		}
		if err.Error() != want.Error() {
			t.Errorf("got text %q, want %q", err, want)
		}
		if diff := cmp.Diff(status.Convert(want).Proto(), status.Convert(err).Proto(), protocmp.Transform()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	})
}

func TestError_afterRetriesHasTheLastStatusWhole(t *testing.T) {
	last := grpctest.RefusedByQuota(t)
	s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= 2 {
			return nil, grpctest.ErrOverloaded
		}
		return nil, last
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		for name, err := range map[string]error{"as returned": err, "wrapped once more": fmt.Errorf("generate: %w", err)} {
			if st, ok := status.FromError(err); !ok || st.Code() != grpccodes.ResourceExhausted {
				t.Errorf("%s: got status %v, want RESOURCE_EXHAUSTED", name, st)
			}
			if got := status.Code(err); got != grpccodes.ResourceExhausted {
				t.Errorf("%s: got code %v, want RESOURCE_EXHAUSTED", name, got)
			}
			if diff := cmp.Diff(status.Convert(last).Proto().GetDetails(), status.Convert(err).Proto().GetDetails(), protocmp.Transform()); diff != "" {
				t.Errorf("%s: details (-want +got):\n%s", name, diff)
			}
			if e, ok := errors.AsType[*interceptor.Error](err); !ok || len(e.Attempts) != 5 {
				t.Errorf("%s: got %v, want an *Error of 5 attempts", name, err)
			}
			api, ok := apierror.FromError(err)
			if !ok {
				t.Fatalf("%s: no apierror", name)
			}
			if api.Reason() != "RATE_LIMIT_EXCEEDED" || api.Domain() != "googleapis.com" || api.Details().RetryInfo.GetRetryDelay().GetSeconds() != 7 ||
				len(api.Details().QuotaFailure.GetViolations()) != 1 || api.GRPCStatus().Code() != grpccodes.ResourceExhausted {
				t.Errorf("%s: apierror sees %v, want what the server said", name, api)
			}
		}
		if diff := cmp.Diff(status.Convert(last).Proto(), status.Convert(err).Proto(), protocmp.Transform()); diff != "" {
			t.Errorf("status, message included (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(status.Convert(last).Proto(), status.Convert(errors.Unwrap(err)).Proto(), protocmp.Transform()); diff != "" {
			t.Errorf("status of what it wraps (-want +got):\n%s", diff)
		}
	}, interceptor.Repeatable())
}

func TestError_tellsTheHistory(t *testing.T) {
	s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= 2 {
			return nil, grpctest.ErrOverloaded
		}
		return nil, grpctest.RefusedByQuota(t)
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		e, ok := errors.AsType[*interceptor.Error](err)
		if !ok {
			t.Fatalf("got %v, want an *Error", err)
		}
		overload := interceptor.Attempt{Code: grpccodes.Unavailable, Class: codes.Server, Reach: codes.Answered, Rule: "overloaded"}
		quota := interceptor.Attempt{
			Code: grpccodes.ResourceExhausted, Class: codes.Quota, Reach: codes.Answered, Rule: e.Failure.Rule, Reason: "RATE_LIMIT_EXCEEDED",
		}
		want := []interceptor.Attempt{overload, overload, quota, quota, quota}
		for i, wait := range []time.Duration{2 * time.Second, 4 * time.Second, 7 * time.Second, 7 * time.Second, 0} {
			want[i].Wait = wait
		}
		if diff := cmp.Diff(want, e.Attempts); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if e.Method != grpctest.UnaryMethod || e.Why != policy.ClassExhausted || e.Advice != "" || e.Failure.Class != codes.Quota || e.Failure.Delay != 7*time.Second {
			t.Errorf("got %+v, want the quota's last refusal", e)
		}
		r := e.Failure.Rule
		wantText := "/grpc.testing.TestService/UnaryCall gave up (class-exhausted) after 5 attempts [Unavailable overloaded, " +
			"Unavailable overloaded, ResourceExhausted " + r + " RATE_LIMIT_EXCEEDED, ResourceExhausted " + r + " RATE_LIMIT_EXCEEDED, " +
			"ResourceExhausted " + r + " RATE_LIMIT_EXCEEDED]: rpc error: code = ResourceExhausted desc = You exceeded your current quota."
		if diff := cmp.Diff(wantText, e.Error()); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
	}, interceptor.Repeatable())
}

func TestError_ofAnEndedWaitNamesTheContextAndTheServersLastError(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
		want := "/grpc.testing.TestService/UnaryCall was ended by the caller (caller-ended) after 1 attempt [Unavailable overloaded]: context canceled: " +
			"rpc error: code = Unavailable desc = The model is overloaded. Please try again later."
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) {
			t.Error("it is more than what ended it")
		}
	}, interceptor.Repeatable())
}

func TestError_ofAMethodThatIsNotRepeatableNamesTheOption(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(status.Error(grpccodes.Internal, "An internal error has occurred."))}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		e, ok := errors.AsType[*interceptor.Error](err)
		if !ok || s.Attempts() != 1 {
			t.Fatalf("got %v after %d attempts, want an *Error after one", err, s.Attempts())
		}
		if e.Why != policy.NotRepeatable || e.Advice != "the method may have run: interceptor.Repeatable() allows to run it again" {
			t.Errorf("got %v with advice %q", e.Why, e.Advice)
		}
		want := "/grpc.testing.TestService/UnaryCall failed for good (not-repeatable) after 1 attempt [Internal internal]; " +
			"the method may have run: interceptor.Repeatable() allows to run it again: rpc error: code = Internal desc = An internal error has occurred."
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if st := status.Convert(err); st.Code() != grpccodes.Internal || st.Message() != "An internal error has occurred." {
			t.Errorf("got status %v, want the server's", st)
		}
	})
}

func TestError_ofAnInterceptorOnTheRightIsAStatusAllTheSame(t *testing.T) {
	plain := errors.New("the cache is on fire")
	tests := map[string]struct {
		err     error
		code    grpccodes.Code
		message string
	}{
		"an error that is no status":             {plain, grpccodes.Unknown, "the cache is on fire"},
		"a wrapped error that is no status":      {fmt.Errorf("cache: %w", plain), grpccodes.Unknown, "cache: the cache is on fire"},
		"a plain cancellation":                   {context.Canceled, grpccodes.Canceled, "context canceled"},
		"a plain deadline, wrapped":              {fmt.Errorf("cache: %w", context.DeadlineExceeded), grpccodes.DeadlineExceeded, "cache: context deadline exceeded"},
		"a status":                               {status.Error(grpccodes.NotFound, "no such thing"), grpccodes.NotFound, "no such thing"},
		"a wrapped status keeps its own message": {fmt.Errorf("cache: %w", status.Error(grpccodes.NotFound, "no such thing")), grpccodes.NotFound, ""},
	}
	for name, tt := range tests {
		for _, retries := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s, %d retries", name, retries), func(t *testing.T) {
				r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(retries)))
				fail := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return tt.err }
				err := r.Unary()(t.Context(), grpctest.UnaryMethod, nil, nil, nil, fail)
				st, ok := status.FromError(err)
				if !ok || st.Code() != tt.code || (tt.message != "" && st.Message() != tt.message) {
					t.Errorf("got status %v (%t), want %v %q", st, ok, tt.code, tt.message)
				}
				if !errors.Is(err, tt.err) {
					t.Errorf("%v does not lead to %v", err, tt.err)
				}
			})
		}
	}
}

func TestFailureOf_looksIntoWhateverItIsGiven(t *testing.T) {
	r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithRand(retrytest.NoSpread))
	quota := grpctest.RefusedWith(t, "Please retry in 1.5s.", &errdetails.RetryInfo{RetryDelay: durationpb.New(0)})
	var retried error
	synctest.Test(t, func(t *testing.T) {
		retried = r.Do(t.Context(), "f", func(context.Context) error { return quota })
	})
	ruled := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithRules(codes.Rule{
		Name: "busy", Class: codes.Quota, Codes: []grpccodes.Code{grpccodes.NotFound}, Infer: 30 * time.Second,
	}))
	var byOwnRule error
	synctest.Test(t, func(t *testing.T) {
		byOwnRule = ruled.Do(t.Context(), "f", func(context.Context) error { return status.Error(grpccodes.NotFound, "busy") })
	})
	daily := grpctest.RefusedWith(t, "quota", &errdetails.QuotaFailure{
		Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "GenerateRequestsPerDayPerProjectPerModel"}},
	}, &errdetails.RetryInfo{RetryDelay: durationpb.New(9 * time.Second)})
	minute := grpctest.RefusedWith(t, "quota", &errdetails.QuotaFailure{
		Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "GenerateRequestsPerMinutePerProjectPerModel"}},
	})
	tests := map[string]struct {
		err   error
		class codes.Class
		after time.Duration
		known bool
	}{
		"no error":                   {nil, codes.None, 0, false},
		"an *Error":                  {retried, codes.Quota, 1500 * time.Millisecond, true},
		"a wrapped *Error":           {fmt.Errorf("batch: %w", retried), codes.Quota, 1500 * time.Millisecond, true},
		"one by a rule of one's own": {byOwnRule, codes.Quota, 30 * time.Second, true},
		"a status":                   {quota, codes.Quota, 1500 * time.Millisecond, true},
		"a wrapped status":           {fmt.Errorf("batch: %w", quota), codes.Quota, 1500 * time.Millisecond, true},
		"a status without delay":     {grpctest.ErrOverloaded, codes.Server, 0, false},
		"a quota of the day":         {daily, codes.Spent, 0, false},
		"a quota of the minute":      {minute, codes.Quota, time.Minute, true},
		"no status":                  {errors.New("no status"), codes.Other, 0, false},
		"an ended context":           {context.Canceled, codes.Ended, 0, false},
	}
	if _, ok := errors.AsType[*interceptor.Error](retried); !ok {
		t.Fatalf("got %v, want an *Error", retried)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := interceptor.FailureOf(tt.err); got.Class != tt.class {
				t.Errorf("FailureOf: class %v, want %v", got.Class, tt.class)
			}
			if after, known := interceptor.RetryAfter(tt.err); after != tt.after || known != tt.known {
				t.Errorf("RetryAfter: %v, %t, want %v, %t", after, known, tt.after, tt.known)
			}
		})
	}
	if diff := cmp.Diff(codes.Failure{}, interceptor.FailureOf(nil)); diff != "" {
		t.Errorf("FailureOf(nil) (-want +got):\n%s", diff)
	}
}
