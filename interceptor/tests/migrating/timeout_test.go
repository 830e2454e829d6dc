package migrating_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
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

// TestMigrating_middlewareStreamTimeout: the per-retry timeout of theirs does not end a
// stream that is silent; ours ends and retries it.
func TestMigrating_middlewareStreamTimeout(t *testing.T) {
	named(t, "never ends a stream")
	silent := script{errSilent}
	theirs := silent.play(t, migrant{dial: middleware(retry.WithMax(3), retry.WithPerRetryTimeout(3*time.Second)), make: grpctest.ReadStreamOnce}, time.Minute)
	ours := silent.play(t, migrant{dial: timedOurs(interceptor.WithoutBudget()), make: grpctest.ReadStreamOnce}, time.Minute)
	if theirs.Attempts != 1 || theirs.Took != time.Minute || theirs.Code != grpccodes.DeadlineExceeded {
		t.Errorf("theirs: got %+v, want one attempt until the caller's deadline", theirs)
	}
	wantSamePlay(t, playback{Attempts: 2, Gaps: []time.Duration{3*time.Second + tick}, Took: 3*time.Second + tick}, ours)
}

// timedOurs are three attempts of 3 s at most, as the page has them.
func timedOurs(more ...interceptor.Option) []grpc.DialOption {
	opts := []interceptor.Option{interceptor.WithTable(policy.Table{codes.Other: linear(2, tick)}), asBefore(timedOutBefore), interceptor.Repeatable(), interceptor.WithAttemptTimeout(3 * time.Second)}
	return retrytest.DialOptions(append(opts, more...)...)
}

// TestMigrating_timeoutIsPaidFor: with a budget a silent attempt of a new connection is
// retried after 30 s, ten successes pay for one retry, and other failures have one token.
func TestMigrating_timeoutIsPaidFor(t *testing.T) {
	named(t, "The attempt goes on")
	named(t, "ten successful calls pay for one retry")
	named(t, "one retry, until ten successes have earned the next")
	named(t, "A timeout that only a call or a context has does not change that budget")
	attempts := func(dial []grpc.DialOption, successes int, script script, opts ...grpc.CallOption) (n int, err error) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if n <= successes {
					return &testpb.SimpleResponse{}, nil
				}
				return &testpb.SimpleResponse{}, script.attempt(ctx, n-successes)
			}}
			conn := grpctest.Serve(t, s, dial...)
			for range successes {
				if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
			}
			err = grpctest.CallUnaryOnce(t.Context(), conn, opts...)
			n = s.Attempts() - successes
		})
		return n, err
	}
	theirs := middleware(retry.WithMax(3), retry.WithBackoff(retry.BackoffLinear(tick)), retry.WithPerRetryTimeout(3*time.Second))
	silent, down := script{errSilent, errSilent, errSilent}, refusals(grpccodes.Unavailable, grpccodes.Unavailable, grpccodes.Unavailable)
	for _, tt := range []struct {
		name      string
		dial      []grpc.DialOption
		successes int
		script    script
		want      int
		code      grpccodes.Code
	}{
		{"theirs, silent", theirs, 0, silent, 3, grpccodes.DeadlineExceeded},
		{"ours, silent", timedOurs(), 0, silent, 2, grpccodes.DeadlineExceeded},
		{"ours, silent after nine successes", timedOurs(), 9, silent, 2, grpccodes.DeadlineExceeded},
		{"ours, silent after ten", timedOurs(), 10, silent, 3, grpccodes.DeadlineExceeded},
		{"ours, silent after twenty", timedOurs(), 20, silent, 3, grpccodes.DeadlineExceeded},
		{"ours, silent, without a budget", timedOurs(interceptor.WithoutBudget()), 0, silent, 3, grpccodes.DeadlineExceeded},
		{"theirs, down", theirs, 0, down, 3, grpccodes.Unavailable},
		{"ours, down", timedOurs(), 0, down, 2, grpccodes.Unavailable},
		{"ours, down after ten successes", timedOurs(), 10, down, 3, grpccodes.Unavailable},
		{"ours, down, without a budget", timedOurs(interceptor.WithoutBudget()), 0, down, 3, grpccodes.Unavailable},
		{"ours, silent, with a table without that row", retrytest.DialOptions(interceptor.WithTable(policy.Table{codes.Server: linear(2, tick)}), interceptor.Repeatable(), interceptor.WithAttemptTimeout(3*time.Second), interceptor.WithoutBudget()), 0, silent, 1, grpccodes.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := attempts(tt.dial, tt.successes, tt.script); got != tt.want || status.Code(err) != tt.code {
				t.Errorf("got %d attempts and %v, want %d and %v", got, err, tt.want, tt.code)
			}
		})
	}
	t.Run("ours, down, with the timeout of the call", func(t *testing.T) {
		if got, err := attempts(thriceOurs(tick), 0, down, interceptor.WithAttemptTimeout(3*time.Second)); got != 3 || status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %d attempts and %v, want 3 and UNAVAILABLE", got, err)
		}
	})
}

// TestMigrating_middlewareServerIsTold: theirs sends the timeout of the attempt as a
// deadline to the server, ours does not.
func TestMigrating_middlewareServerIsTold(t *testing.T) {
	named(t, "the server is not told")
	told := func(dial []grpc.DialOption) (told bool) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				_, told = ctx.Deadline()
				return &testpb.SimpleResponse{}, nil
			}}
			if err := grpctest.CallUnaryOnce(t.Context(), grpctest.Serve(t, s, dial...)); err != nil {
				t.Error(err)
			}
		})
		return told
	}
	if !told(middleware(retry.WithMax(3), retry.WithPerRetryTimeout(3*time.Second))) {
		t.Error("the server of theirs has no deadline, want one")
	}
	if told(timedOurs()) {
		t.Error("the server of ours has a deadline, want none")
	}
}
