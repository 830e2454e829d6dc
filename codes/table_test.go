package codes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// evidenceOf returns what an attempt of that reach leaves behind.
func evidenceOf(r codes.Reach) codes.Evidence {
	switch r {
	case codes.Unsent:
		return codes.Evidence{Watched: true}
	case codes.Answered:
		return codes.Evidence{Watched: true, Stream: true, Trailer: metadata.Pairs("content-type", "application/grpc")}
	default:
		return codes.Evidence{Watched: true, Stream: true, Trailer: metadata.MD{}}
	}
}

func reaches() []codes.Reach { return []codes.Reach{codes.Lost, codes.Unsent, codes.Answered} }

// unknownCode is a number that gRPC has no name for.
const unknownCode grpccodes.Code = 99

func TestClassify_everyCodeAndReach(t *testing.T) {
	for _, row := range []struct {
		code                   grpccodes.Code
		unsent, answered, lost codes.Class
	}{
		{grpccodes.Canceled, codes.Network, codes.Server, codes.Network},
		{grpccodes.Unknown, codes.Other, codes.Other, codes.Other},
		{grpccodes.InvalidArgument, codes.Request, codes.Request, codes.Request},
		{grpccodes.DeadlineExceeded, codes.Timeout, codes.Timeout, codes.Timeout},
		{grpccodes.NotFound, codes.Request, codes.Request, codes.Request},
		{grpccodes.AlreadyExists, codes.Request, codes.Request, codes.Request},
		{grpccodes.PermissionDenied, codes.Auth, codes.Auth, codes.Auth},
		{grpccodes.ResourceExhausted, codes.Quota, codes.Quota, codes.Quota},
		{grpccodes.FailedPrecondition, codes.Request, codes.Request, codes.Request},
		{grpccodes.Aborted, codes.Conflict, codes.Conflict, codes.Conflict},
		{grpccodes.OutOfRange, codes.Request, codes.Request, codes.Request},
		{grpccodes.Unimplemented, codes.Request, codes.Request, codes.Request},
		{grpccodes.Internal, codes.Server, codes.Server, codes.Server},
		{grpccodes.Unavailable, codes.Network, codes.Server, codes.Server},
		{grpccodes.DataLoss, codes.Request, codes.Request, codes.Request},
		{grpccodes.Unauthenticated, codes.Auth, codes.Auth, codes.Auth},
		{unknownCode, codes.Other, codes.Other, codes.Other},
	} {
		for reach, want := range map[codes.Reach]codes.Class{codes.Unsent: row.unsent, codes.Answered: row.answered, codes.Lost: row.lost} {
			t.Run(fmt.Sprintf("%v %v", row.code, reach), func(t *testing.T) {
				err := status.Error(row.code, "x")
				f := codes.Classify(err, evidenceOf(reach))
				if f.Class != want || f.Code != row.code || f.Reach != reach {
					t.Errorf("%v %v %v by rule %s, want %v %v %v", f.Class, f.Code, f.Reach, f.Rule, want, row.code, reach)
				}

				done := evidenceOf(reach)
				done.Caller = context.Canceled
				if f := codes.Classify(err, done); f.Class != codes.Ended || f.Reach != reach {
					t.Errorf("caller done: %v %v by rule %s, want Ended %v", f.Class, f.Reach, f.Rule, reach)
				}
			})
		}
	}
}

func TestClassify_nil(t *testing.T) {
	ev := evidenceOf(codes.Answered)
	ev.Caller = context.Canceled
	if diff := cmp.Diff(codes.Failure{}, codes.Classify(nil, ev, codes.Rule{Name: "any", Class: codes.Other})); diff != "" {
		t.Errorf("a nil error is no failure (-want +got):\n%s", diff)
	}
}

func TestClassify_withoutEvidence(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		class codes.Class
		reach codes.Reach
	}{
		{"UNAVAILABLE is the server's word until a text says otherwise", status.Error(grpccodes.Unavailable, "x"), codes.Server, codes.Lost},
		{"a text of grpc-go counts", status.Error(grpccodes.Unavailable, "error reading from server: EOF"), codes.Network, codes.Lost},
		{"details are an answer", withDetails(t, grpccodes.Unavailable, "x", &errdetails.DebugInfo{}), codes.Server, codes.Answered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := codes.Classify(tc.err, codes.Evidence{})
			if f.Class != tc.class || f.Reach != tc.reach {
				t.Errorf("%v %v by rule %s, want %v %v", f.Class, f.Reach, f.Rule, tc.class, tc.reach)
			}
		})
	}
}

func TestClassify_evidenceThatIsNoFact(t *testing.T) {
	// What was not watched is ignored, whatever it says.
	ev := codes.Evidence{Stream: true, Trailer: metadata.Pairs("content-type", "application/grpc", "grpc-retry-pushback-ms", "7")}
	f := codes.Classify(status.Error(grpccodes.Unavailable, "x"), ev)
	if f.Reach != codes.Lost || f.Pushback.Set {
		t.Errorf("reach %v, pushback %+v; want Lost and none", f.Reach, f.Pushback)
	}
}

func TestClassify_detailsWithoutStream(t *testing.T) {
	// The details are those of the call that was to fetch a token: this one
	// never had a stream.
	f := codes.Classify(withDetails(t, grpccodes.Unavailable, "x", &errdetails.DebugInfo{}), evidenceOf(codes.Unsent))
	if f.Class != codes.Network || f.Reach != codes.Unsent {
		t.Errorf("%v %v by rule %s, want Network Unsent", f.Class, f.Reach, f.Rule)
	}
}

// wrapper has a status that is not the one of the error inside.
type wrapper struct {
	error
	st *status.Status
}

func (w wrapper) GRPCStatus() *status.Status { return w.st }
func (w wrapper) Unwrap() error              { return w.error }

func TestClassify_errorsThatAreNoPlainStatus(t *testing.T) {
	inner := status.Error(grpccodes.ResourceExhausted, "trying to send message larger than max (2 vs. 1)")
	for _, tc := range []struct {
		name string
		err  error
		code grpccodes.Code
		want codes.Class
		rule string
	}{
		{"no status at all", errors.New("x"), grpccodes.Unknown, codes.Other, "other"},
		{"the caller's cancellation", context.Canceled, grpccodes.Canceled, codes.Ended, "context-error"},
		{"the caller's deadline", context.DeadlineExceeded, grpccodes.DeadlineExceeded, codes.Ended, "context-error"},
		{"a wrapped context error", fmt.Errorf("dial: %w", context.Canceled), grpccodes.Canceled, codes.Ended, "context-error"},
		{"a status that only says context canceled", status.FromContextError(context.Canceled).Err(), grpccodes.Canceled, codes.Network, "cancelled"},
		{"a wrapped status keeps its own message", fmt.Errorf("generate: %w", inner), grpccodes.ResourceExhausted, codes.Request, "message-too-large"},
		{"a joined status", errors.Join(errors.New("x"), inner), grpccodes.ResourceExhausted, codes.Request, "message-too-large"},
		{
			"of several the first", errors.Join(status.Error(grpccodes.NotFound, "x"), inner),
			grpccodes.NotFound, codes.Request, "not-found",
		},
		{
			"a status beats a context error", fmt.Errorf("%w: %w", context.Canceled, inner),
			grpccodes.ResourceExhausted, codes.Request, "message-too-large",
		},
		{
			"the outer of two statuses",
			wrapper{inner, status.New(grpccodes.Aborted, "x")},
			grpccodes.Aborted, codes.Conflict, "aborted",
		},
		{"an error whose status is nil", wrapper{inner, nil}, grpccodes.Unknown, codes.Other, "other"},
		{"an error whose status is OK", wrapper{inner, status.New(grpccodes.OK, "x")}, grpccodes.OK, codes.Other, "other"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := codes.Classify(tc.err, evidenceOf(codes.Lost))
			expect(t, f, verdict{tc.code, tc.want, codes.Lost, tc.rule})
		})
	}
}

func TestClassify_deadline(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name      string
		code      grpccodes.Code
		deadline  bool
		remaining time.Duration
		want      codes.Class
	}{
		{"11 ms before the caller's deadline it is another's", grpccodes.DeadlineExceeded, true, 11 * ms, codes.Timeout},
		{"10 ms before the caller's deadline it is the caller's", grpccodes.DeadlineExceeded, true, 10 * ms, codes.Ended},
		{"after the caller's deadline it is the caller's", grpccodes.DeadlineExceeded, true, -ms, codes.Ended},
		{"a caller without deadline has time left", grpccodes.DeadlineExceeded, false, 0, codes.Timeout},
		{"another code is no deadline", grpccodes.Unavailable, true, ms, codes.Server},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := evidenceOf(codes.Answered)
			ev.Deadline, ev.Remaining = tc.deadline, tc.remaining
			if f := codes.Classify(status.Error(tc.code, "x"), ev); f.Class != tc.want {
				t.Errorf("class %v by rule %s, want %v", f.Class, f.Rule, tc.want)
			}
		})
	}
}
