// Package retrytest has the shared parts of tests of a Retrier: connections with a Retrier,
// in a bubble or not, and recorders of events and log lines. The servers come from package
// grpctest. The package is linked into tests only.
package retrytest

import (
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// NoSpread is a random source of zeros only, for the shortest waits.
func NoSpread() float64 { return 0 }

// Repeatable has the options of a connection with repeatable methods only.
var Repeatable = []interceptor.Option{interceptor.Repeatable()}

// DialOptions returns the dial options of a new Retrier with [NoSpread].
func DialOptions(opts ...interceptor.Option) []grpc.DialOption {
	return interceptor.DialOptions(append([]interceptor.Option{interceptor.WithRand(NoSpread)}, opts...)...)
}

// Bubble runs f in a synctest bubble, with a client of s. The connection has a Retrier with
// these options and [NoSpread].
func Bubble(t *testing.T, s testpb.TestServiceServer, f func(t *testing.T, client testpb.TestServiceClient), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, testpb.NewTestServiceClient(grpctest.Serve(t, s, DialOptions(opts...)...)))
	})
}

// Setup is the client's side of a bubble.
type Setup struct {
	Options []interceptor.Option
	// Right has the interceptors to the right of the Retrier, called for every attempt.
	Right []grpc.StreamClientInterceptor
	Dial  []grpc.DialOption
}

// Run is [Bubble] with this setup, and with the connection instead of a client.
func (u Setup) Run(t *testing.T, s testpb.TestServiceServer, f func(t *testing.T, conn *grpc.ClientConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, u.Connect(t, s)) })
}

// Connect serves s and returns a connection with this setup.
func (u Setup) Connect(tb testing.TB, s testpb.TestServiceServer) *grpc.ClientConn {
	tb.Helper()
	dial := DialOptions(u.Options...)
	for _, right := range u.Right {
		dial = append(dial, grpc.WithChainStreamInterceptor(right))
	}
	return grpctest.Serve(tb, s, append(dial, u.Dial...)...)
}
