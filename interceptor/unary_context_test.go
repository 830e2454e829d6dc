package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

func TestUnary_cancelledDuringAWaitReturnsAtOnce(t *testing.T) {
	for name, end := range map[string]struct {
		context func(context.Context) (context.Context, context.CancelFunc)
		code    grpccodes.Code
		is      error
		text    string
	}{
		"by a cancellation": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(3*time.Second, cancel)
				return ctx, cancel
			}, grpccodes.Canceled, context.Canceled, "context canceled",
		},
		"by a deadline that was not to be seen": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
				return noDeadline{ctx}, cancel
			}, grpccodes.DeadlineExceeded, context.DeadlineExceeded, "context deadline exceeded",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))
				conn := grpctest.Serve(t, s, r.DialOptions()...)
				ctx, cancel := end.context(t.Context())
				defer cancel()
				var err error
				if got := grpctest.Took(func() { _, err = grpctest.CallUnary(ctx, conn) }); got != 3*time.Second { // in the second wait, from 2 s to 6 s
					t.Errorf("returned after %v, want 3s", got)
				}
				if st, ok := status.FromError(err); !ok || st.Code() != end.code || st.Message() != end.text {
					t.Errorf("got status %v, want %v %q", st, end.code, end.text)
				}
				if !errors.Is(err, end.is) {
					t.Errorf("%v is not %v", err, end.is)
				}
				e, ok := errors.AsType[*interceptor.Error](err)
				if !ok {
					t.Fatalf("got a %T, want an *Error", err)
				}
				if last := status.Convert(errors.Unwrap(e)); last.Code() != grpccodes.Unavailable || last.Message() != status.Convert(grpctest.ErrOverloaded).Message() {
					t.Errorf("Unwrap leads to %v, want the server's last error", last)
				}
				if e.Why != policy.CallerEnded || len(e.Attempts) != 2 || e.Attempts[0].Wait != 2*time.Second || e.Attempts[1].Wait != 0 {
					t.Errorf("got %v with history %+v, want caller-ended after waits of 2s and 0s", e.Why, e.Attempts)
				}
				if tokens, _ := r.Budget().Held(); tokens != 99 {
					t.Errorf("the budget holds %v tokens, want 99: one was paid, one was given back", tokens)
				}
				if got := w.Last(); got.Outcome != interceptor.Ended || got.Attempt != 2 || got.Err != err { //nolint:errorlint // the same error
					t.Errorf("got %+v, want the end of a call that its caller ended", got)
				}
				time.Sleep(time.Hour)
				if got := s.Attempts(); got != 2 {
					t.Errorf("the server has seen %d attempts, want 2", got)
				}
			})
		})
	}
}

func TestUnary_aWaitThatDoesNotFitIntoTheDeadlineIsNotBegun(t *testing.T) {
	tests := map[string]struct {
		timeout  time.Duration
		attempts int
		took     time.Duration
	}{
		"the first wait is longer":             {timeout: time.Second, attempts: 1},
		"the first wait would end with it":     {timeout: 2 * time.Second, attempts: 1},
		"the first wait ends just in time":     {timeout: 2*time.Second + 1, attempts: 2, took: 2 * time.Second},
		"the second wait is longer":            {timeout: 5 * time.Second, attempts: 2, took: 2 * time.Second},
		"there is time for everything":         {timeout: time.Minute, attempts: 4, took: 14 * time.Second},
		"the third wait misses it by a moment": {timeout: 14 * time.Second, attempts: 3, took: 6 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				var err error
				got := grpctest.Took(func() { _, err = client.UnaryCall(ctx, &testpb.SimpleRequest{}) })
				if got != tt.took || s.Attempts() != tt.attempts {
					t.Errorf("returned after %v and %d attempts, want %v and %d", got, s.Attempts(), tt.took, tt.attempts)
				}
				if st := status.Convert(err); st.Code() != grpccodes.Unavailable || st.Message() != status.Convert(grpctest.ErrOverloaded).Message() {
					t.Errorf("got status %v, want the server's", st)
				}
				if ctx.Err() != nil {
					t.Error("the deadline has passed")
				}
			}, interceptor.Repeatable())
		})
	}
}

func TestUnary_deadlineExceededAtTheCallersDeadlineIsTheCallers(t *testing.T) {
	tests := map[string]struct {
		answerAfter time.Duration // DEADLINE_EXCEEDED of the server; zero to let the caller's time run out
		attempts    int
		class       codes.Class
		outcome     interceptor.Outcome
	}{
		"the caller's time runs out":         {attempts: 1, class: codes.Ended, outcome: interceptor.Ended},
		"the server is 10 ms faster":         {answerAfter: 990 * time.Millisecond, attempts: 1, class: codes.Ended, outcome: interceptor.Ended},
		"the server is 20 ms faster":         {answerAfter: 980 * time.Millisecond, attempts: 2, class: codes.Ended, outcome: interceptor.Ended},
		"the server is faster several times": {answerAfter: 300 * time.Millisecond, attempts: 4, class: codes.Ended, outcome: interceptor.Ended},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if tt.answerAfter == 0 {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				select {
				case <-time.After(tt.answerAfter):
				case <-ctx.Done():
				}
				return nil, status.Error(grpccodes.DeadlineExceeded, "the server's")
			}}
			var w retrytest.Watcher
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
				if status.Code(err) != grpccodes.DeadlineExceeded {
					t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
				}
				got := w.Last()
				if got.Failure.Class != tt.class || got.Outcome != tt.outcome || got.Attempt != tt.attempts {
					t.Errorf("got %v, %v after %d attempts, want %v, %v after %d",
						got.Failure.Class, got.Outcome, got.Attempt, tt.class, tt.outcome, tt.attempts)
				}
			}, interceptor.Repeatable(), interceptor.WithObserver(w.Observe), interceptor.WithTable(retrytest.AtOnce(5)))
		})
	}
}

func TestUnary_aContextThatIsDoneIsNotRetried(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	var w retrytest.Watcher
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
		if status.Code(err) != grpccodes.Canceled || s.Attempts() != 0 {
			t.Errorf("got %v with %d attempts at the server, want CANCELED with none", err, s.Attempts())
		}
		if _, ok := errors.AsType[*interceptor.Error](err); ok {
			t.Errorf("got an *Error after a single attempt: %v", err)
		}
		if diff := cmp.Diff([]policy.Why{policy.CallerEnded}, w.Whys()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
	}, interceptor.Repeatable(), interceptor.WithObserver(w.Observe))
}

func TestUnary_theCallersEndIsItsOwnEvenWhereNothingWouldBeRetried(t *testing.T) {
	for name, chain := range map[string][]interceptor.Option{
		"switched off":          {interceptor.Disable()},
		"retried further below": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				dial := retrytest.DialOptions(append(chain, interceptor.WithObserver(w.Observe))...)
				after := time.Duration(0)
				if chain == nil {
					dial = append(dial, retrytest.DialOptions()...)
					after = 3 * time.Second
				}
				conn := grpctest.Serve(t, s, dial...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if after == 0 {
					cancel()
				}
				time.AfterFunc(after, cancel)
				_, err := grpctest.CallUnary(ctx, conn)
				if got := w.Last(); got.Outcome != interceptor.Ended || got.Decision.Why != policy.CallerEnded || status.Code(err) != grpccodes.Canceled {
					t.Errorf("got %v, %v and %v, want ended, caller-ended and CANCELED", got.Outcome, got.Decision.Why, err)
				}
			})
		})
	}
}
