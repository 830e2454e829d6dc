package grpctest

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ErrOverloaded is a failure of class Server. The default table retries ErrOverloaded
// after 2 s, 4 s and 8 s, and then no more.
var ErrOverloaded = status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")

// OverloadedWaits are the waits after ErrOverloaded if every random number is zero.
var OverloadedWaits = []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}

// ErrUnreachable is the failure of a connection without a server. The default table retries
// ErrUnreachable after 1 s, 2 s and so on, five times.
var ErrUnreachable = status.Error(grpccodes.Unavailable, "last connection error: gone")

// UnreachableWaits are the waits after ErrUnreachable if every random number is zero.
var UnreachableWaits = []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

// Hinted returns a refusal by a quota with a hint: a RetryInfo of d.
func Hinted(d time.Duration) error {
	st, err := status.New(grpccodes.ResourceExhausted, "quota").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
	if err != nil {
		return err
	}
	return st.Err()
}

// WithInfo returns a status with an ErrorInfo.
func WithInfo(t *testing.T, code grpccodes.Code, message, reason string) error {
	t.Helper()
	st, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "googleapis.com"})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

// RefusedByQuota returns Gemini's answer after a per-minute quota is used up, with a
// RetryInfo of 7 s.
func RefusedByQuota(t *testing.T) error {
	t.Helper()
	return RefusedWith(t, "You exceeded your current quota.",
		&errdetails.ErrorInfo{Reason: "RATE_LIMIT_EXCEEDED", Domain: "googleapis.com"},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			QuotaId: "GenerateRequestsPerMinutePerProjectPerModel", QuotaMetric: "requests",
		}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)})
}

// RefusedWith returns a RESOURCE_EXHAUSTED with details.
func RefusedWith(t *testing.T, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(grpccodes.ResourceExhausted, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}
