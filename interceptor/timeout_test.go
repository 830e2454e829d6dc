package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

const timedOut = "interceptor: no answer within the attempt timeout of 3s (interceptor.WithAttemptTimeout)"

// silentFor returns a handler whose first attempts hang until they are ended.
func silentFor(attempts int) func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= attempts {
			<-ctx.Done()
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return &testpb.SimpleResponse{Username: "answer"}, nil
	}
}

func TestAttemptTimeout_isPaidForWithWhatSuccessesHaveEarned(t *testing.T) {
	for _, tt := range []struct {
		name             string
		silent, tokens   int
		attempts         int
		why              policy.Why
		took, extended   time.Duration
		repeatable, fail bool
	}{
		{name: "one", silent: 1, tokens: 1, attempts: 2, took: 4 * time.Second, repeatable: true},
		{name: "two", silent: 2, tokens: 2, attempts: 3, took: 9 * time.Second, repeatable: true},
		{name: "one too few", silent: 2, tokens: 1, attempts: 2, took: 19 * time.Second, extended: 15 * time.Second, why: policy.BudgetExhausted, repeatable: true, fail: true},
		{name: "none", silent: 1, tokens: 0, attempts: 1, took: 18 * time.Second, extended: 18 * time.Second, why: policy.BudgetExhausted, repeatable: true, fail: true},
		{name: "may not run twice", silent: 1, tokens: 5, attempts: 1, took: 3 * time.Second, why: policy.NotRepeatable, fail: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Unary: silentFor(tt.silent)}
			var w retrytest.Watcher
			opts := []interceptor.Option{interceptor.WithAttemptTimeout(3 * time.Second), interceptor.WithObserver(w.Observe)}
			if tt.repeatable {
				opts = append(opts, interceptor.Repeatable())
			}
			synctest.Test(t, func(t *testing.T) {
				b := retrytest.EarnedBudget(t, tt.tokens)
				conn := grpctest.Serve(t, s, retrytest.DialOptions(append(opts, interceptor.WithBudget(b))...)...)
				var err error
				if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) }); got != tt.took {
					t.Errorf("it took %v, want %v", got, tt.took)
				}
				grpctest.WantAttempts(t, s, tt.attempts)
				if (err != nil) != tt.fail {
					t.Fatalf("got %v, want a failure: %v", err, tt.fail)
				}
				if !tt.fail {
					return
				}
				st := status.Convert(errors.Unwrap(err))
				if tt.attempts == 1 && tt.why == policy.BudgetExhausted {
					st = status.Convert(err)
				}
				want := timedOut
				if tt.extended > 0 {
					want += fmt.Sprintf(", extended to %v for want of a retry", tt.extended)
				}
				if st.Code() != grpccodes.DeadlineExceeded || st.Message() != want {
					t.Errorf("got %v, want %q", err, want)
				}
				if last := w.Last(); last.Decision.Why != tt.why || last.Failure.Class != codes.Timeout {
					t.Errorf("got %v, %v, want %v, %v", last.Failure.Class, last.Decision.Why, codes.Timeout, tt.why)
				}
				if tokens, _ := b.Held(); tokens != 100 {
					t.Errorf("%v ordinary tokens are left, want all of them", tokens)
				}
			})
		})
	}
}

// TestAttemptTimeout_budget: a connection with an attempt timeout begins with
// little, unless it was told otherwise.
func TestAttemptTimeout_budget(t *testing.T) {
	timeout := interceptor.WithAttemptTimeout(time.Second)
	own := policy.DefaultConfig()
	own.Budget.Start = 50
	for _, tt := range []struct {
		name  string
		opts  []interceptor.Option
		start float64
		earn  float64
	}{
		{"without one", nil, 100, 0},
		{"for the connection", []interceptor.Option{timeout}, 1, 0.1},
		{"for some methods", []interceptor.Option{interceptor.WithMethod("/a.B/*", timeout)}, 1, 0.1},
		{"switched off again", []interceptor.Option{timeout, interceptor.WithAttemptTimeout(0)}, 100, 0},
		{"with figures of its own", []interceptor.Option{timeout, interceptor.WithConfig(own)}, 50, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := interceptor.New(tt.opts...).Budget()
			before, earned := b.Held()
			b.Success()
			after, _ := b.Held()
			if before != tt.start || earned != 0 || after != tt.start+tt.earn {
				t.Errorf("got %v and %v earned, %v after a success, want %v, 0, %v", before, earned, after, tt.start, tt.start+tt.earn)
			}
		})
	}
}

func TestAttemptTimeout_callersEndIsTheCallers(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		},
		"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(2*time.Second, cancel)
			return ctx, cancel
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: silentFor(9)}
			var w retrytest.Watcher
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				ctx, cancel := end(t.Context())
				defer cancel()
				var err error
				if got := grpctest.Took(func() { _, err = client.UnaryCall(ctx, &testpb.SimpleRequest{}) }); got != 2*time.Second {
					t.Errorf("it took %v, want 2s", got)
				}
				if status.Code(err) != status.FromContextError(ctx.Err()).Code() || w.Last().Outcome != interceptor.Ended {
					t.Errorf("got %v, outcome %v, want the context's error", err, w.Last().Outcome)
				}
			}, interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))
		})
	}
}

func TestAttemptTimeout_precedence(t *testing.T) {
	s := &grpctest.Server{Unary: silentFor(99)}
	for _, tt := range []struct {
		name            string
		method          []interceptor.CallOption
		inContext, call []interceptor.CallOption
		want            time.Duration
	}{
		{"the connection's", nil, nil, nil, 9 * time.Second},
		{"the method's before it", timeouts(8), nil, nil, 8 * time.Second},
		{"the context's before that", timeouts(8), timeouts(7), nil, 7 * time.Second},
		{"the call's before all", timeouts(8), timeouts(7), timeouts(6), 6 * time.Second},
		{"none", timeouts(8), timeouts(7), timeouts(0), time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				ctx, cancel := context.WithTimeout(interceptor.NewContext(t.Context(), tt.inContext...), time.Minute)
				defer cancel()
				var opts []grpc.CallOption
				for _, o := range tt.call {
					opts = append(opts, o)
				}
				if got := grpctest.Took(func() { _, _ = client.UnaryCall(ctx, &testpb.SimpleRequest{}, opts...) }); got != tt.want {
					t.Errorf("it took %v, want %v", got, tt.want)
				}
			}, interceptor.WithAttemptTimeout(9*time.Second), interceptor.WithMethod(grpctest.UnaryMethod, tt.method...), interceptor.MaxRetries(0))
		})
	}
	t.Run("the context's alone", func(t *testing.T) {
		retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
			ctx := interceptor.NewContext(t.Context(), timeouts(5)...)
			if got := grpctest.Took(func() { _, _ = client.UnaryCall(ctx, &testpb.SimpleRequest{}) }); got != 5*time.Second {
				t.Errorf("it took %v, want 5s", got)
			}
		}, interceptor.MaxRetries(0))
	})
}

func timeouts(seconds int) []interceptor.CallOption {
	return []interceptor.CallOption{interceptor.WithAttemptTimeout(time.Duration(seconds) * time.Second)}
}
