package interceptor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
)

// minuteQuota accepts so many calls a minute, each of which takes 2 s, and tells
// the others when the next minute begins, 40 s after the first.
func minuteQuota(quota int, begin time.Time) unaryHandler {
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
			return nil, hinted((window+1)*time.Minute - now)
		}
		time.Sleep(2 * time.Second)
		return &testpb.SimpleResponse{}, nil
	}
}

// TestGate_batch: workers that make one call after the other through a quota of a
// minute use up all of it: no call fails, few requests are refused, and ten quotas
// take ten minutes.
func TestGate_batch(t *testing.T) {
	for _, c := range []struct{ quota, workers int }{{10, 1}, {10, 4}, {10, 20}, {60, 4}, {60, 20}} {
		t.Run(fmt.Sprintf("%d a minute, %d workers", c.quota, c.workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s := &server{unary: minuteQuota(c.quota, begin)}
				conn := serve(t, s, retrying()...)
				calls := make(chan int)
				var wg sync.WaitGroup
				for range c.workers {
					wg.Go(func() {
						for range calls {
							ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
							if _, err := callUnary(ctx, conn, interceptor.Repeatable()); err != nil {
								t.Errorf("after %v: %v", time.Since(begin), err)
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
				if took := time.Since(begin); took > 10*time.Minute {
					t.Errorf("it took %v, want at most 10m", took)
				}
				if got, most := s.attempts(), 10*c.quota+10*(c.workers+1); got > most {
					t.Errorf("the server saw %d requests of %d calls, want at most %d", got, 10*c.quota, most)
				}
			})
		})
	}
}
