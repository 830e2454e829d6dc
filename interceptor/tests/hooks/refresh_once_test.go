package hooks_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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

// TestRefresh_thatCallsOverTheSameConnection: a refresh whose own call is refused does
// not wait for itself.
func TestRefresh_thatCallsOverTheSameConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *grpc.ClientConn
		refreshes := 0
		renew := interceptor.WithRefresh(func(ctx context.Context) error {
			refreshes++
			_, err := grpctest.CallUnary(ctx, conn)
			return err
		})
		conn = grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(errToken)}, retrytest.DialOptions(renew)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var err error
		got := grpctest.Took(func() { _, err = grpctest.CallUnary(ctx, conn) })
		if status.Code(err) != grpccodes.Unauthenticated || got != 0 || refreshes != 1 {
			t.Errorf("got %v after %v and %d refreshes, want UNAUTHENTICATED at once after one", err, got, refreshes)
		}
	})
}

// TestRefresh_neverTwiceAtATime: a refresh that no call waits for any longer, and that
// does not look at its context, ends before another begins; who comes meanwhile waits.
func TestRefresh_neverTwiceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, all atomic.Int64
		renew := interceptor.WithRefresh(func(ctx context.Context) error {
			all.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(10 * time.Second)
			return ctx.Err()
		})
		conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseFirst(4, errToken)}, retrytest.DialOptions(renew)...)
		for _, patience := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(ctx, conn) }); got != patience {
				t.Errorf("it returned after %v, want at its deadline, %v", got, patience)
			}
			cancel()
		}
		var err error
		got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
		if err != nil || got != 14*time.Second { // 4 s of the first are left, and then 10 s
			t.Errorf("got %v after %v, want success after 14s", err, got)
		}
		if most.Load() != 1 || all.Load() != 2 {
			t.Errorf("%d refreshes, %d at a time: want 2, one after the other", all.Load(), most.Load())
		}
	})
}

// TestRefresh_comesBeforeTheBreaker: a retry whose credentials cannot be refreshed asks
// for no place.
func TestRefresh_comesBeforeTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &tally{}
		renew := interceptor.WithRefresh(func(context.Context) error { return errors.New("no") })
		conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(errToken)}, retrytest.DialOptions(renew, interceptor.WithBreaker(l))...)
		if _, err := grpctest.CallUnary(t.Context(), conn); status.Code(err) != grpccodes.Unauthenticated || l.allowed.Load() != 1 {
			t.Errorf("got %v and %d attempts that the breaker has allowed, want UNAUTHENTICATED and one", err, l.allowed.Load())
		}
		l.settled(t, 1)
	})
}

// TestRefresh_ofCredentialsThatAreFreshAlready: a call that was refused late
// began with the credentials that another one has refreshed meanwhile.
func TestRefresh_ofCredentialsThatAreFreshAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wallet
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if n <= 2 {
				time.Sleep(time.Duration(n) * 10 * time.Second)
				return nil, errToken
			}
			return &testpb.SimpleResponse{}, nil
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithRefresh(w.refresh))...)
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if got := w.refreshes.Load(); got != 1 {
			t.Errorf("%d refreshes, want 1", got)
		}
	})
}

// TestRefresh_onceHoweverManyRetries: a table may allow more of them.
func TestRefresh_onceHoweverManyRetries(t *testing.T) {
	var w wallet
	expired := grpctest.WithInfo(t, grpccodes.Unauthenticated, "expired", "ACCESS_TOKEN_EXPIRED")
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(expired)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if got := w.refreshes.Load(); got != 1 || s.Attempts() != 4 {
			t.Errorf("%d refreshes, %d attempts, want 1 and 4", got, s.Attempts())
		}
	}, interceptor.WithRefresh(w.refresh), interceptor.WithPolicy(codes.Expired, policy.Policy{Retries: 3}))
}
