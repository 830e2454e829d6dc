package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// testTarget is what the connections of the tests are made to.
const testTarget = "passthrough:///bufconn"

// waits fills in how long each event's call has waited since the one before.
func waits(events []interceptor.Event) []interceptor.Event {
	var before interceptor.Event
	for i := range events {
		e := &events[i]
		e.Wait, e.AtGate = e.Waited-before.Waited, e.Gated-before.Gated
		before = *e
	}
	return events
}

// TestObserver_waitsOfAStream: those before its first message are told once, and not
// again at its end.
func TestObserver_waitsOfAStream(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "a", "b")}
	var w retrytest.Watcher
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		stream, err := client.StreamingOutputCall(t.Context(), grpctest.Ask("x"))
		for err == nil {
			_, err = stream.Recv()
		}
		var got []time.Duration
		for _, e := range w.Events {
			got = append(got, e.Wait)
		}
		if diff := cmp.Diff([]time.Duration{0, 2 * time.Second, 0}, got); diff != "" {
			t.Errorf("the waits of its events (-want +got):\n%s", diff)
		}
	}, interceptor.WithObserver(w.Observe))
}

// TestObserver_waitsAtTheGate, also before the first attempt, and the names of what
// is no generated method.
func TestObserver_waitsAtTheGate(t *testing.T) {
	refused := status.Error(grpccodes.ResourceExhausted, "Quota exceeded. Please retry in 10s.")
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, refused)}
	var w retrytest.Watcher
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, interceptor.DialOptions(interceptor.WithRand(func() float64 { return 0 }), interceptor.WithObserver(w.Observe))...)
		for range 2 {
			if err := conn.Invoke(t.Context(), grpctest.UnaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{}, interceptor.Disable()); err == nil {
				continue
			}
			if err := conn.Invoke(t.Context(), grpctest.UnaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{}); err != nil {
				t.Fatal(err)
			}
		}
		third := w.Events[2]
		if third.Wait != 10*time.Second || third.AtGate != third.Wait || third.Static || third.Target != testTarget {
			t.Errorf("got %+v, want a wait of 10s at the gate, and no static method", third)
		}
		if call := w.Events[3]; call.Wait != 0 || call.AtGate != 0 || call.Gated != 10*time.Second {
			t.Errorf("got %+v for the call, want no further wait", call)
		}
	})
	w = retrytest.Watcher{}
	r := interceptor.New(interceptor.WithObserver(w.Observe))
	if err := r.Do(t.Context(), "a name", func(context.Context) error { return nil }); err != nil || !w.Events[0].Static || w.Events[0].Target != "" {
		t.Errorf("got %v, %+v, want a static name without a target", err, w.Events)
	}
}

func TestObserver_isToldEveryAttemptAndEveryCall(t *testing.T) {
	overload := codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Answered, Rule: "overloaded"}
	wrong := codes.Failure{Class: codes.Request, Code: grpccodes.InvalidArgument, Reach: codes.Answered, Rule: "invalid-argument"}
	ended := codes.Failure{Class: codes.Ended, Code: grpccodes.Canceled, Reach: codes.Lost, Rule: "caller-done"}
	retry := func(wait time.Duration) policy.Decision {
		return policy.Decision{Retry: true, Wait: wait, Why: policy.Backoff, Class: codes.Server, Pays: policy.Tokens}
	}
	success := policy.Decision{Why: policy.Success}
	no := func(why policy.Why, class codes.Class) policy.Decision {
		return policy.Decision{Why: why, Class: class}
	}
	const each = 100 * time.Millisecond // what an attempt takes
	event := func(o interceptor.Outcome, attempt int, f codes.Failure, d policy.Decision, took, waited time.Duration) interceptor.Event {
		return interceptor.Event{Method: grpctest.UnaryMethod, Target: testTarget, Static: true, Outcome: o, Attempt: attempt, Failure: f, Decision: d, Took: took, Waited: waited}
	}
	tests := []struct {
		name   string
		unary  grpctest.UnaryHandler
		cancel time.Duration
		opts   []interceptor.Option
		fails  []bool // which events have an error
		want   []interceptor.Event
	}{
		{
			name: "a call that succeeds at once", unary: grpctest.RefuseFirst(0, nil), fails: []bool{false, false},
			want: []interceptor.Event{
				event(interceptor.Pending, 1, codes.Failure{}, success, each, 0),
				event(interceptor.FirstTry, 1, codes.Failure{}, success, each, 0),
			},
		},
		{
			name: "a call that recovers", unary: grpctest.RefuseFirst(2, grpctest.ErrOverloaded), fails: []bool{true, true, false, false},
			want: []interceptor.Event{
				event(interceptor.Pending, 1, overload, retry(2*time.Second), each, 0),
				event(interceptor.Pending, 2, overload, retry(4*time.Second), each, 2*time.Second),
				event(interceptor.Pending, 3, codes.Failure{}, success, each, 6*time.Second),
				event(interceptor.Recovered, 3, overload, success, 6*time.Second+3*each, 6*time.Second),
			},
		},
		{
			name: "a call that is exhausted", unary: grpctest.RefuseAlways(grpctest.ErrOverloaded), fails: []bool{true, true, true},
			opts: []interceptor.Option{interceptor.MaxRetries(1)},
			want: []interceptor.Event{
				event(interceptor.Pending, 1, overload, retry(2*time.Second), each, 0),
				event(interceptor.Pending, 2, overload, no(policy.ClassExhausted, codes.Server), each, 2*time.Second),
				event(interceptor.Exhausted, 2, overload, no(policy.ClassExhausted, codes.Server), 2*time.Second+2*each, 2*time.Second),
			},
		},
		{
			name: "a call that is not retried", unary: grpctest.RefuseAlways(status.Error(grpccodes.InvalidArgument, "wrong")), fails: []bool{true, true},
			want: []interceptor.Event{
				event(interceptor.Pending, 1, wrong, no(policy.NeverRetried, codes.Request), each, 0),
				event(interceptor.NotRetried, 1, wrong, no(policy.NeverRetried, codes.Request), each, 0),
			},
		},
		{
			name: "a call whose attempt is cancelled", unary: grpctest.RefuseAlways(grpctest.ErrOverloaded), cancel: 50 * time.Millisecond, fails: []bool{true, true},
			want: []interceptor.Event{
				event(interceptor.Pending, 1, ended, no(policy.CallerEnded, codes.Ended), 50*time.Millisecond, 0),
				event(interceptor.Ended, 1, ended, no(policy.CallerEnded, codes.Ended), 50*time.Millisecond, 0),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				time.Sleep(each)
				return tt.unary(ctx, n, in)
			}}
			var w retrytest.Watcher
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
				time.Sleep(time.Second) // let the server finish
				var fails []bool
				for i := range w.Events {
					fails = append(fails, w.Events[i].Err != nil)
				}
				if diff := cmp.Diff(tt.fails, fails); diff != "" {
					t.Errorf("which have an error (-want +got):\n%s", diff)
				}
				if got := w.Last().Err; got != err { //nolint:errorlint // the same error
					t.Errorf("the call's event has the error %v, want what the call returned: %v", got, err)
				}
				if diff := cmp.Diff(waits(tt.want), w.Events, cmpopts.IgnoreFields(interceptor.Event{}, "Err", "At")); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			}, append(tt.opts, interceptor.WithObserver(w.Observe))...)
		})
	}
}

func TestObserver_isToldOfAWaitThatItsCallerEnded(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	var w retrytest.Watcher
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
		overload := codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Answered, Rule: "overloaded"}
		want := []interceptor.Event{
			{Method: grpctest.UnaryMethod, Target: testTarget, Static: true, Attempt: 1, Failure: overload, Decision: policy.Decision{
				Retry: true, Wait: 2 * time.Second, Why: policy.Backoff, Class: codes.Server, Pays: policy.Tokens,
			}},
			{Method: grpctest.UnaryMethod, Target: testTarget, Static: true, Attempt: 2, Failure: overload, Waited: 2 * time.Second, Decision: policy.Decision{
				Retry: true, Wait: 4 * time.Second, Why: policy.Backoff, Class: codes.Server, Pays: policy.Tokens,
			}},
			{
				Method: grpctest.UnaryMethod, Target: testTarget, Static: true, Outcome: interceptor.Ended, Attempt: 2, Err: err, Failure: overload, Took: 3 * time.Second, Waited: 3 * time.Second,
				Decision: policy.Decision{Why: policy.CallerEnded, Class: codes.Server},
			},
		}
		if diff := cmp.Diff(waits(want), w.Events, cmpopts.IgnoreFields(interceptor.Event{}, "Err", "At")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	}, interceptor.WithObserver(w.Observe))
}

func TestObserver_severalAreToldInOrder(t *testing.T) {
	type key struct{}
	var told []string
	observer := func(name string) interceptor.Option {
		return interceptor.WithObserver(func(ctx context.Context, e interceptor.Event) {
			if ctx.Value(key{}) != "of the caller" {
				t.Error("the context is not the call's")
			}
			told = append(told, name+" "+e.Outcome.String())
		})
	}
	r := interceptor.New(observer("first"), observer("second"), observer("third"), interceptor.WithTable(retrytest.AtOnce(1)))
	var n int
	err := r.Do(context.WithValue(t.Context(), key{}, "of the caller"), "f", func(context.Context) error {
		if n++; n == 1 {
			return grpctest.ErrOverloaded
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"first pending", "second pending", "third pending", "first pending", "second pending", "third pending",
		"first recovered", "second recovered", "third recovered",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestObserver_aPanicOfItLeavesAUsableClient(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
	synctest.Test(t, func(t *testing.T) {
		angry := true
		r := interceptor.New(interceptor.WithObserver(func(context.Context, interceptor.Event) {
			if angry {
				panic(errors.New("observer"))
			}
		}))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		if got := grpctest.MustPanic(t, func() { _, _ = grpctest.CallUnary(t.Context(), conn) }); got != "observer" {
			t.Errorf("got panic %q", got)
		}
		angry = false
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Errorf("after the panic: %v", err)
		}
	})
}

func TestOutcome_names(t *testing.T) {
	want := map[interceptor.Outcome]string{
		interceptor.Pending: "pending", interceptor.FirstTry: "first-try", interceptor.Recovered: "recovered",
		interceptor.Exhausted: "exhausted", interceptor.NotRetried: "not-retried", interceptor.Ended: "ended", 99: "unknown",
	}
	for o, name := range want {
		if text, err := o.MarshalText(); o.String() != name || string(text) != name || err != nil {
			t.Errorf("%d: got %q and %q, %v, want %q", uint8(o), o, text, err, name)
		}
	}
}

// TestGateObserver_severalAreToldInOrder, of every change.
func TestGateObserver_severalAreToldInOrder(t *testing.T) {
	var told []string
	observer := func(name string) interceptor.Option {
		return interceptor.WithGateObserver(func(e interceptor.GateEvent) { told = append(told, name+" "+e.State.String()) })
	}
	r := interceptor.New(observer("first"), observer("second"), interceptor.MaxRetries(0))
	_ = r.Do(t.Context(), "f", func(context.Context) error {
		return status.Error(grpccodes.ResourceExhausted, "Quota exceeded. Please retry in 10s.")
	})
	if diff := cmp.Diff([]string{"first closed", "second closed"}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := r.Gates(), (interceptor.GateCounts{Closed: 1}); got != want {
		t.Errorf("the gates are %+v, want %+v", got, want)
	}
}
