package hooks_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestPlace_lapsesWithTheContext: a stream that has ended with its connection, and that
// nobody has read, holds its place until its context ends, since the reader would know
// more.
func TestPlace_lapsesWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &tally{}
		conn := grpctest.Serve(t, &grpctest.Server{}, retrytest.DialOptions(interceptor.WithBreaker(l))...)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := testpb.NewTestServiceClient(conn).FullDuplexCall(ctx); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		time.Sleep(time.Second)
		if got := l.told.Load(); got != 0 {
			t.Errorf("the breaker was told %d times before the end of the context, want not at all", got)
		}
		cancel()
		synctest.Wait()
		l.settled(t, 1)
	})
}
