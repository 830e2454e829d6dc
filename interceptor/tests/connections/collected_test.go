package connections_test

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// client is a program's own, which observes the calls over its connection.
type client struct {
	conn  *grpc.ClientConn
	calls int
}

func (c *client) observe(context.Context, interceptor.Event) { c.calls++ }

// TestConnection_isCollected: a connection that was closed is collected, also where the
// options of its Retrier lead to it.
func TestConnection_isCollected(t *testing.T) {
	var clients []weak.Pointer[client]
	t.Run("use", func(t *testing.T) { // its end lets go of what the harness holds
		for range 3 {
			c := &client{}
			c.conn = grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}, interceptor.DialOptions(interceptor.WithObserver(c.observe))...)
			if _, err := testpb.NewTestServiceClient(c.conn).UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, weak.Make(c))
		}
	})
	left := len(clients)
	for range 1000 { // goroutines of grpc may take a moment to end
		runtime.GC()
		left = 0
		for _, c := range clients {
			if c.Value() != nil {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	t.Errorf("%d of %d clients are never collected", left, len(clients))
}
