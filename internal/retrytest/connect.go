// Package retrytest has what tests of a Retrier share: connections with one, in a bubble or
// not, and what was told of a call. Its servers are those of package grpctest. It is
// linked into tests only.
package retrytest

import (
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// NoSpread is dice that always show zero: every wait is the least one.
func NoSpread() float64 { return 0 }

// Repeatable are the options of a connection whose methods may all run twice.
var Repeatable = []interceptor.Option{interceptor.Repeatable()}

// DialOptions returns the dial options of a new Retrier without spread.
func DialOptions(opts ...interceptor.Option) []grpc.DialOption {
	return interceptor.DialOptions(append([]interceptor.Option{interceptor.WithRand(NoSpread)}, opts...)...)
}

// Bubble runs f in a synctest bubble, with a connection that has a Retrier of
// these options and dice that always show zero.
func Bubble(t *testing.T, s testpb.TestServiceServer, f func(t *testing.T, client testpb.TestServiceClient), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, testpb.NewTestServiceClient(grpctest.Serve(t, s, DialOptions(opts...)...)))
	})
}

// Setup is the client's side of a bubble.
type Setup struct {
	Options []interceptor.Option
	// Right are interceptors that stand right of the Retrier: they see every
	// attempt.
	Right []grpc.StreamClientInterceptor
	Dial  []grpc.DialOption
}

// Run is Bubble for tests that need more of the connection.
func (u Setup) Run(t *testing.T, s testpb.TestServiceServer, f func(t *testing.T, conn *grpc.ClientConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, u.Connect(t, s)) })
}

// Connect serves s and connects to it.
func (u Setup) Connect(tb testing.TB, s testpb.TestServiceServer) *grpc.ClientConn {
	tb.Helper()
	dial := DialOptions(u.Options...)
	for _, right := range u.Right {
		dial = append(dial, grpc.WithChainStreamInterceptor(right))
	}
	return grpctest.Serve(tb, s, append(dial, u.Dial...)...)
}
