package gate_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// minuteQuota accepts so many calls a minute, each of which takes a while, and tells
// the others when the next minute begins, 40 s after the first.
func minuteQuota(quota int, takes time.Duration, begin time.Time) grpctest.UnaryHandler {
	var mu sync.Mutex
	window, used := time.Duration(-1), 0
	return func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		mu.Lock()
		now := time.Since(begin) + 20*time.Second
		if w := now / time.Minute; w != window {
			window, used = w, 0
		}
		used++
		accepted := used <= quota
		mu.Unlock()
		if !accepted {
			return nil, grpctest.Hinted((window+1)*time.Minute - now)
		}
		time.Sleep(takes)
		return &testpb.SimpleResponse{}, nil
	}
}

// TestGate_batch: workers that make one call after the other through a quota of a
// minute use up all of it: next to no call fails, few requests are refused, and ten quotas
// take ten minutes.
func TestGate_batch(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		quota, workers int
		takes          time.Duration
	}{
		{10, 1, 2 * s},
		{10, 4, 2 * s},
		{10, 20, 2 * s},
		{60, 4, 2 * s},
		{60, 20, 2 * s},
		{60, 2, s / 20},
		{60, 2, s / 20},
		{60, 2, s / 20},
		{60, 2, s / 20}, // a minute is used up in two seconds, and then they wait for each other
	} {
		t.Run(fmt.Sprintf("%d a minute, %d workers, %v", c.quota, c.workers, c.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s := &grpctest.Server{Unary: minuteQuota(c.quota, c.takes, begin)}
				conn := grpctest.Serve(t, s, interceptor.DialOptions()...)
				calls := make(chan int)
				var failed atomic.Int64
				var wg sync.WaitGroup
				for range c.workers {
					wg.Go(func() {
						for range calls {
							ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
							if _, err := grpctest.CallUnary(ctx, conn, interceptor.Repeatable()); err != nil {
								failed.Add(1)
								t.Logf("after %v: %v", time.Since(begin), err)
							}
							cancel()
						}
					})
				}
				for range 10 * c.quota {
					calls <- 1
				}
				close(calls)
				wg.Wait()
				if n := failed.Load(); n > 1 { // the others may take the new minute before one that waits for it
					t.Errorf("%d calls failed, want one at most", n)
				}
				if took := time.Since(begin); took > 10*time.Minute {
					t.Errorf("it took %v, want at most 10m", took)
				}
				if got, most := s.Attempts(), 10*c.quota+10*(c.workers+1); got > most {
					t.Errorf("the server saw %d requests of %d calls, want at most %d", got, 10*c.quota, most)
				}
			})
		})
	}
}
