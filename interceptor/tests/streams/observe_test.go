package streams_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// seen is the part of an event that the tests compare, and when it came.
type seen struct {
	After   time.Duration // since the call began
	Outcome interceptor.Outcome
	Attempt int
	Code    grpccodes.Code
	Class   codes.Class
	Why     policy.Why
	Took    time.Duration
	Waited  time.Duration
}

func TestStream_events(t *testing.T) {
	const second = time.Second
	retried := seen{
		After: second, Outcome: interceptor.Pending, Attempt: 1, Code: grpccodes.Unavailable,
		Class: codes.Server, Why: policy.Backoff, Took: second,
	}
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name   string
		handle grpctest.StreamHandler
		cancel time.Duration
		want   []seen
	}{
		{"the first attempt succeeds", grpctest.Slowly(0, 1, nil), 0, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 2 * second, Outcome: interceptor.FirstTry, Attempt: 1, Why: policy.Success, Took: 2 * second},
		}},
		{"a retry succeeds", grpctest.Slowly(1, 2, nil), 0, []seen{
			retried,
			{After: 4 * second, Attempt: 2, Why: policy.Success, Took: 1 * second, Waited: 2 * second},
			{After: 6 * second, Outcome: interceptor.Recovered, Attempt: 2, Class: codes.Server, Why: policy.Success, Took: 6 * second, Waited: 2 * second},
		}},
		{"EOF at once", grpctest.Slowly(0, 0, nil), 0, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 1 * second, Outcome: interceptor.FirstTry, Attempt: 1, Why: policy.Success, Took: 1 * second},
		}},
		{"never retried", grpctest.Slowly(0, 0, errDenied), 0, []seen{
			{After: 1 * second, Attempt: 1, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 1 * second},
			{After: 1 * second, Outcome: interceptor.NotRetried, Attempt: 1, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 1 * second},
		}},
		{"a retry that is not retried", grpctest.Slowly(1, 0, errDenied), 0, []seen{
			retried,
			{After: 4 * second, Attempt: 2, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 1 * second, Waited: 2 * second},
			{After: 4 * second, Outcome: interceptor.Exhausted, Attempt: 2, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 4 * second, Waited: 2 * second},
		}},
		{"a failure midway is told in the event of the call", grpctest.Slowly(0, 1, grpctest.ErrOverloaded), 0, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 2 * second, Outcome: interceptor.NotRetried, Attempt: 1, Code: grpccodes.Unavailable, Class: codes.Server, Why: policy.Committed, Took: 2 * second},
		}},
		{"a failure midway after a retry", grpctest.Slowly(1, 1, grpctest.ErrOverloaded), 0, []seen{
			retried,
			{After: 4 * second, Attempt: 2, Why: policy.Success, Took: 1 * second, Waited: 2 * second},
			{After: 5 * second, Outcome: interceptor.Exhausted, Attempt: 2, Code: grpccodes.Unavailable, Class: codes.Server, Why: policy.Committed, Took: 5 * second, Waited: 2 * second},
		}},
		{"cancelled during the wait", grpctest.Slowly(1, 1, nil), 2 * second, []seen{
			retried,
			{After: 2 * second, Outcome: interceptor.Ended, Attempt: 1, Code: grpccodes.Canceled, Class: codes.Server, Why: policy.CallerEnded, Took: 2 * second, Waited: 1 * second},
		}},
		{"cancelled midway", grpctest.Slowly(0, 9, nil), 2500 * time.Millisecond, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 2500 * time.Millisecond, Outcome: interceptor.Ended, Attempt: 1, Code: grpccodes.Canceled, Class: codes.Ended, Why: policy.CallerEnded, Took: 2500 * time.Millisecond},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var events []seen
			var began time.Time
			observer := func(ctx context.Context, e interceptor.Event) {
				if e.Method != grpctest.StreamMethod || !e.Stream || ctx.Value("mine") != "v" {
					t.Errorf("event of %q, stream %v, context %v, want those of the call", e.Method, e.Stream, ctx)
				}
				events = append(events, seen{
					After: time.Since(began), Outcome: e.Outcome, Attempt: e.Attempt, Code: status.Code(e.Err),
					Class: e.Failure.Class, Why: e.Decision.Why, Took: e.Took, Waited: e.Waited,
				})
			}
			s := &grpctest.Server{Stream: tt.handle}
			u := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithObserver(observer)}}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				began = time.Now()
				ctx, cancel := context.WithCancel(context.WithValue(t.Context(), "mine", "v")) //nolint:revive,staticcheck // a test.s
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				stream := grpctest.Open(t, ctx, conn)
				_, _ = grpctest.Drain(stream)
				_, _ = grpctest.Receive(stream) // which is worth no event
				if diff := cmp.Diff(tt.want, events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestStream_logs(t *testing.T) {
	const retried = "WARN [RETRY] Server: attempt 1 of " + grpctest.StreamMethod + " failed, next in 2s"
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name   string
		handle grpctest.StreamHandler
		want   []string
	}{
		{"nothing of a stream without trouble", grpctest.Slowly(0, 2, nil), nil},
		{"a retry and the recovery, once", grpctest.Slowly(1, 2, nil), []string{
			retried, "INFO [RETRY] recovered: attempt 2 of " + grpctest.StreamMethod + " succeeded",
		}},
		{"a recovery without a message", grpctest.Slowly(1, 0, nil), []string{
			retried, "INFO [RETRY] recovered: attempt 2 of " + grpctest.StreamMethod + " succeeded",
		}},
		{"a failure that is never retried, for debugging", grpctest.Slowly(0, 0, errDenied), []string{
			"DEBUG [RETRY] Auth: not retried after attempt 1 of " + grpctest.StreamMethod + " (never-retried)",
		}},
		{"the end after a retry", grpctest.Slowly(1, 0, errDenied), []string{
			retried, "ERROR [RETRY] Auth: gave up after attempt 2 of " + grpctest.StreamMethod + " (never-retried)",
		}},
		{"a failure midway after a retry", grpctest.Slowly(1, 1, grpctest.ErrOverloaded), []string{
			retried, "INFO [RETRY] recovered: attempt 2 of " + grpctest.StreamMethod + " succeeded",
			"ERROR [RETRY] Server: gave up after attempt 2 of " + grpctest.StreamMethod + " (committed): interceptor.WithResume can go on from what has arrived",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log retrytest.Lines
			s := &grpctest.Server{Stream: tt.handle}
			retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), log.Option()}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				_, _ = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
				if diff := cmp.Diff(strings.Join(tt.want, "\n"), log.Text()); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestStream_errorHasTheHistory: a stream that recovered and then failed
// midway tells of both.
func TestStream_errorHasTheHistory(t *testing.T) {
	errMidway := detailed(t, grpccodes.Unavailable, "midway", retryInfo(time.Second))
	s := &grpctest.Server{Stream: grpctest.Slowly(2, 1, errMidway)}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		bodies, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn))
		if diff := cmp.Diff([]string{"one"}, bodies); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		e, ok := errors.AsType[*interceptor.Error](err)
		if !ok {
			t.Fatalf("got %T %v, want an *Error", err, err)
		}
		type failed struct {
			Code grpccodes.Code
			Wait time.Duration
		}
		var history []failed
		for _, a := range e.Attempts {
			history = append(history, failed{a.Code, a.Wait})
		}
		want := []failed{{grpccodes.Unavailable, 2 * time.Second}, {grpccodes.Unavailable, 4 * time.Second}, {grpccodes.Unavailable, 0}}
		if diff := cmp.Diff(want, history); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		const advice = "interceptor.WithResume can go on from what has arrived"
		if e.Why != policy.Committed || e.Advice != advice || e.Method != grpctest.StreamMethod || strings.Count(e.Error(), advice) != 1 {
			t.Errorf("got Why %v, Advice %q, Method %q: %v", e.Why, e.Advice, e.Method, e)
		}
		if st := e.GRPCStatus(); st.Message() != "midway" || len(st.Details()) != 1 {
			t.Errorf("got status %v, want that of the last attempt whole", st)
		}
		if status.Code(errors.Unwrap(err)) != grpccodes.Unavailable || interceptor.FailureOf(err).Code != grpccodes.Unavailable {
			t.Errorf("Unwrap leads to %v, want the server's last error", errors.Unwrap(err))
		}
	})
}

// TestStream_unkeptRequestIsNoExcuseMidway: after the first message it is not
// the size of the request that forbids a retry.
func TestStream_unkeptRequestIsNoExcuseMidway(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.Slowly(0, 1, grpctest.ErrOverloaded)}
	u := retrytest.Setup{Options: []interceptor.Option{
		interceptor.Repeatable(), interceptor.WithReplayBuffer(1), interceptor.WithObserver(func(context.Context, interceptor.Event) {}),
	}}
	u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		_, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn))
		if !retrytest.Untouched(err) {
			t.Errorf("got %T %v, want the server's error untouched", err, err)
		}
	})
}
