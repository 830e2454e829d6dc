package interceptor_test

import (
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// sloppy is a clock whose timers cannot be stopped: each fires when the test
// says so.
type sloppy struct {
	mu  sync.Mutex
	all []func()
}

func (*sloppy) Now() time.Time { return time.Now() }

func (c *sloppy) AfterFunc(_ time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, f)
	return func() bool { return false }
}

// TestAttemptTimeout_thatFiresTooLate: it is no longer the attempt's.
func TestAttemptTimeout_thatFiresTooLate(t *testing.T) {
	var clock sloppy
	s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		_ = grpctest.SendAll(out, "one")
		time.Sleep(time.Minute)
		return grpctest.SendAll(out, "two")
	}}
	retrytest.Setup{Options: []interceptor.Option{interceptor.WithAttemptTimeout(time.Second), interceptor.WithClock(&clock)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		grpctest.WantBody(t, stream, "one")
		for _, fire := range clock.all {
			fire()
		}
		grpctest.WantBody(t, stream, "two")
		grpctest.WantEOF(t, stream)
	})
}
