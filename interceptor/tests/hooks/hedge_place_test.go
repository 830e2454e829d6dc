package hooks_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestHedge_aPanicSurfaces: what an attempt panics with, or that it has ended its
// goroutine, is seen by the caller, as without hedging.
func TestHedge_aPanicSurfaces(t *testing.T) {
	for _, n := range []int32{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			call := func(f func()) grpctest.Ending {
				conn := grpctest.Serve(t, &grpctest.Server{Unary: slowFirst}, append(retrytest.DialOptions(append(hedges(), interceptor.Repeatable())...), panicking(n, f))...)
				return grpctest.EndingOf(func() error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
			}
			if o := call(func() { panic("f") }); o.Panicked != "f" {
				t.Errorf("attempt %d: got %+v, want its panic", n, o)
			}
			if o := call(runtime.Goexit); !o.Exited {
				t.Errorf("attempt %d: got %+v, want the end of the goroutine", n, o)
			}
		})
	}
}

// TestHedge_asksTheBreaker: where the breaker is open there is no hedge, and the
// attempt under way goes on.
func TestHedge_asksTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &allowing{n: 1}
		slow := func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			select {
			case <-time.After(10 * time.Second):
				return &testpb.SimpleResponse{}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		s := &grpctest.Server{Unary: slow}
		r := interceptor.New(append(hedges(), interceptor.Repeatable(), interceptor.WithBreaker(one))...)
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		var err error
		got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
		if err != nil || got != 10*time.Second || s.Attempts() != 1 || one.asked.Load() < 2 {
			t.Errorf("got %v after %v and %d attempts, the breaker was asked %d times: want success after 10s and one attempt", err, got, s.Attempts(), one.asked.Load())
		}
		if got, _ := r.Budget().Held(); got != 100 {
			t.Errorf("the budget holds %v tokens, want 100", got)
		}
	})
}

// TestHedge_asksTheGate: a hedge does not pass a gate that has closed meanwhile; the
// attempt under way goes on.
func TestHedge_asksTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if n > 1 {
				return nil, grpctest.Hinted(time.Minute)
			}
			time.Sleep(10 * time.Second)
			return &testpb.SimpleResponse{}, nil
		}}
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.Repeatable())
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		time.AfterFunc(500*time.Millisecond, func() { // it closes the gate
			_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		})
		var err error
		got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn, interceptor.WithHedge(600*time.Millisecond, 2)) })
		if err != nil || got != 10*time.Second || s.Attempts() != 2 {
			t.Errorf("got %v after %v, and %d attempts arrived, want success after 10s and 2", err, got, s.Attempts())
		}
	})
}
