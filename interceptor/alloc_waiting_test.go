package interceptor_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestAlloc_waitingCalls: calls that wait cost no goroutine of ours and little
// memory, their own goroutine and what the caller keeps of it included; and all of
// them are gone when they are cancelled.
func TestAlloc_waitingCalls(t *testing.T) {
	if grpctest.RaceEnabled {
		t.Skip("the race detector costs memory")
	}
	const calls = 20_000
	for name, c := range map[string]struct {
		closed bool // before they come
		opts   []interceptor.Option
		most   uint64 // bytes for each
	}{
		"at the gate":           {closed: true, most: 8_200}, // measured: 6,400 to 7,500, by what ran before; 11,500 with a larger stack
		"for a retry by itself": {opts: []interceptor.Option{interceptor.WithoutGate()}, most: 13_600},
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.Hinted(4 * time.Minute))}
			conn := grpctest.Serve(t, s, interceptor.DialOptions(append(c.opts, interceptor.WithoutBudget())...)...)
			if c.closed {
				_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			defer cancel()
			before, goroutines := memory(), runtime.NumGoroutine()
			var wg sync.WaitGroup
			for range calls {
				wg.Go(func() {
					_, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{})
					if _, ok := status.FromError(err); !ok || err == nil {
						t.Errorf("got %v, want a status", err)
					}
				})
			}
			for !c.closed && s.Attempts() < calls {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(500 * time.Millisecond)
			each := (memory() - before) / calls
			t.Logf("%d bytes for each call that waits", each)
			if each > c.most {
				t.Errorf("%d bytes for each call that waits, want at most %d", each, c.most)
			}
			if own := runtime.NumGoroutine() - goroutines - calls; own > 10 {
				t.Errorf("%d goroutines beside those of the callers, want none", own)
			}
			began := time.Now()
			cancel()
			wg.Wait()
			t.Logf("all cancelled in %v", time.Since(began))
		})
	}
}

// memory returns what heap and stacks take, after the garbage was collected.
func memory() uint64 {
	for range 4 { // a stack shrinks by half each time
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
