package interceptor_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestAttemptTimeout_losesNoToken: streams of all kinds are read, written, closed and cancelled
// from several goroutines around their timeouts. The tokens left are those of the retries that
// did not begin.
func TestAttemptTimeout_losesNoToken(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // a test has to be repeatable, not secret
		synctest.Test(t, func(t *testing.T) {
			const tokens, calls = 20, 12
			b, err := policy.NewBudget(policy.BudgetConfig{EarnedMax: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for range tokens {
				b.Return(policy.Earned)
			}
			var attempts atomic.Int64
			count := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				attempts.Add(1)
				return streamer(ctx, desc, cc, method, opts...)
			}
			delays := make([]time.Duration, 200)
			for i := range delays {
				delays[i] = grpctest.Of(r, 0, time.Second, 3*time.Second, 4*time.Second, time.Hour)
			}
			conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
				if n%3 == 0 {
					_ = stream.SendHeader(grpctest.OddHeader())
				}
				select {
				case <-time.After(delays[n%len(delays)]):
				case <-stream.Context().Done():
				}
				return stream.SendMsg(grpctest.Chunk("answer"))
			}, append(retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(b)), grpc.WithChainStreamInterceptor(count)))
			var wg sync.WaitGroup
			for range calls {
				kind := grpctest.Kinds[r.IntN(len(grpctest.Kinds[1:]))]
				begin, read := grpctest.Of(r, 0, time.Second, 2*time.Second), grpctest.Of(r, 0, 0, 3*time.Second, 5*time.Second, time.Hour)
				pause, cut, header := grpctest.Of(r, 0, time.Second, 3*time.Second), grpctest.Of(r, 3*time.Second, 4*time.Second, 6*time.Second, time.Minute), r.IntN(4) == 0
				wg.Go(func() {
					time.Sleep(begin)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					time.AfterFunc(cut, cancel)
					stream, err := conn.NewStream(ctx, &kind.Desc, "/test.Raw/Call")
					if err != nil {
						return
					}
					wg.Go(func() {
						for range 3 {
							if stream.SendMsg(grpctest.Ask("a")) != nil || !kind.Desc.ClientStreams {
								break
							}
							time.Sleep(pause)
						}
						_ = stream.CloseSend()
					})
					if header {
						wg.Go(func() { _, _ = stream.Header() })
					}
					select {
					case <-time.After(read):
					case <-ctx.Done():
						return
					}
					for stream.RecvMsg(grpctest.Chunk("")) == nil {
						continue
					}
				})
			}
			wg.Wait()
			time.Sleep(time.Hour)
			if _, earned := b.Held(); earned != tokens-float64(attempts.Load()-calls) {
				t.Errorf("seed %d: %v of %d tokens are left after %d retries", seed, earned, tokens, attempts.Load()-calls)
			}
		})
	}
}
