package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
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

// snooze sleeps until d has passed or the context ends.
func snooze(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// slowly is a server whose attempts take a second each: they fail so often,
// and then send messages, a second each, and end a second later with err.
func slowly(failures, messages int, err error) handler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		snooze(out.Context(), time.Second)
		if n <= failures {
			return errOverloaded
		}
		for range messages {
			if err := out.Send(chunk("one")); err != nil {
				return err
			}
			snooze(out.Context(), time.Second)
		}
		return err
	}
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
		handle handler
		cancel time.Duration
		want   []seen
	}{
		{"the first attempt succeeds", slowly(0, 1, nil), 0, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 2 * second, Outcome: interceptor.FirstTry, Attempt: 1, Why: policy.Success, Took: 2 * second},
		}},
		{"a retry succeeds", slowly(1, 2, nil), 0, []seen{
			retried,
			{After: 4 * second, Attempt: 2, Why: policy.Success, Took: 1 * second, Waited: 2 * second},
			{After: 6 * second, Outcome: interceptor.Recovered, Attempt: 2, Class: codes.Server, Why: policy.Success, Took: 6 * second, Waited: 2 * second},
		}},
		{"EOF at once", slowly(0, 0, nil), 0, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 1 * second, Outcome: interceptor.FirstTry, Attempt: 1, Why: policy.Success, Took: 1 * second},
		}},
		{"never retried", slowly(0, 0, errDenied), 0, []seen{
			{After: 1 * second, Attempt: 1, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 1 * second},
			{After: 1 * second, Outcome: interceptor.NotRetried, Attempt: 1, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 1 * second},
		}},
		{"a retry that is not retried", slowly(1, 0, errDenied), 0, []seen{
			retried,
			{After: 4 * second, Attempt: 2, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 1 * second, Waited: 2 * second},
			{After: 4 * second, Outcome: interceptor.Exhausted, Attempt: 2, Code: grpccodes.PermissionDenied, Class: codes.Auth, Why: policy.NeverRetried, Took: 4 * second, Waited: 2 * second},
		}},
		{"a failure midway is told in the event of the call", slowly(0, 1, errOverloaded), 0, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 2 * second, Outcome: interceptor.NotRetried, Attempt: 1, Code: grpccodes.Unavailable, Class: codes.Server, Why: policy.Committed, Took: 2 * second},
		}},
		{"a failure midway after a retry", slowly(1, 1, errOverloaded), 0, []seen{
			retried,
			{After: 4 * second, Attempt: 2, Why: policy.Success, Took: 1 * second, Waited: 2 * second},
			{After: 5 * second, Outcome: interceptor.Exhausted, Attempt: 2, Code: grpccodes.Unavailable, Class: codes.Server, Why: policy.Committed, Took: 5 * second, Waited: 2 * second},
		}},
		{"cancelled during the wait", slowly(1, 1, nil), 2 * second, []seen{
			retried,
			{After: 2 * second, Outcome: interceptor.Ended, Attempt: 1, Code: grpccodes.Canceled, Class: codes.Server, Why: policy.CallerEnded, Took: 2 * second, Waited: 1 * second},
		}},
		{"cancelled midway", slowly(0, 9, nil), 2500 * time.Millisecond, []seen{
			{After: 1 * second, Attempt: 1, Why: policy.Success, Took: 1 * second},
			{After: 2500 * time.Millisecond, Outcome: interceptor.Ended, Attempt: 1, Code: grpccodes.Canceled, Class: codes.Ended, Why: policy.CallerEnded, Took: 2500 * time.Millisecond},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var events []seen
			var began time.Time
			observer := func(ctx context.Context, e interceptor.Event) {
				if e.Method != streamMethod || !e.Stream || ctx.Value("mine") != "v" {
					t.Errorf("event of %q, stream %v, context %v, want those of the call", e.Method, e.Stream, ctx)
				}
				events = append(events, seen{
					After: time.Since(began), Outcome: e.Outcome, Attempt: e.Attempt, Code: status.Code(e.Err),
					Class: e.Failure.Class, Why: e.Decision.Why, Took: e.Took, Waited: e.Waited,
				})
			}
			s := &server{stream: tt.handle}
			u := setup{options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithObserver(observer)}}
			u.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				began = time.Now()
				ctx, cancel := context.WithCancel(context.WithValue(t.Context(), "mine", "v")) //nolint:revive,staticcheck // a test.s
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				stream := open(t, ctx, conn)
				_, _ = drain(stream)
				_, _ = receive(stream) // which is worth no event
				if diff := cmp.Diff(tt.want, events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestStream_logs(t *testing.T) {
	const retried = "WARN [RETRY] Server: attempt 1 of " + streamMethod + " failed, next in 2s"
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name   string
		handle handler
		want   []string
	}{
		{"nothing of a stream without trouble", slowly(0, 2, nil), nil},
		{"a retry and the recovery, once", slowly(1, 2, nil), []string{
			retried, "INFO [RETRY] recovered: attempt 2 of " + streamMethod + " succeeded",
		}},
		{"a recovery without a message", slowly(1, 0, nil), []string{
			retried, "INFO [RETRY] recovered: attempt 2 of " + streamMethod + " succeeded",
		}},
		{"a failure that is never retried, for debugging", slowly(0, 0, errDenied), []string{
			"DEBUG [RETRY] Auth: not retried after attempt 1 of " + streamMethod + " (never-retried)",
		}},
		{"the end after a retry", slowly(1, 0, errDenied), []string{
			retried, "ERROR [RETRY] Auth: gave up after attempt 2 of " + streamMethod + " (never-retried)",
		}},
		{"a failure midway after a retry", slowly(1, 1, errOverloaded), []string{
			retried, "INFO [RETRY] recovered: attempt 2 of " + streamMethod + " succeeded",
			"ERROR [RETRY] Server: gave up after attempt 2 of " + streamMethod + " (committed): interceptor.WithResume can go on from what has arrived",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log lines
			s := &server{stream: tt.handle}
			setup{options: []interceptor.Option{interceptor.Repeatable(), log.option()}}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				_, _ = drain(open(t, t.Context(), conn))
				if diff := cmp.Diff(strings.Join(tt.want, "\n"), log.text()); diff != "" {
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
	s := &server{stream: slowly(2, 1, errMidway)}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		bodies, err := drain(open(t, t.Context(), conn))
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
		if e.Why != policy.Committed || e.Advice != advice || e.Method != streamMethod || strings.Count(e.Error(), advice) != 1 {
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
	s := &server{stream: slowly(0, 1, errOverloaded)}
	u := setup{options: []interceptor.Option{
		interceptor.Repeatable(), interceptor.WithReplayBuffer(1), interceptor.WithObserver(func(context.Context, interceptor.Event) {}),
	}}
	u.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		_, err := drain(open(t, t.Context(), conn))
		if !isUntouched(err) {
			t.Errorf("got %T %v, want the server's error untouched", err, err)
		}
	})
}
