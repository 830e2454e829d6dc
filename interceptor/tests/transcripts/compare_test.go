// Package transcripts_test plays the same calls with the interceptor and without, and
// compares what both callers have seen, line by line.
package transcripts_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// scenario is a server and what is done to it. It is played twice, on a
// connection with the interceptor and on one without it, and the callers must not
// be able to tell which is which. Each time it has a bubble and a server of its
// own, so that even the times can be compared.
type scenario struct {
	// connect starts the server and connects to it.
	connect func(tb testing.TB, dial ...grpc.DialOption) *grpc.ClientConn
	use     func(t *testing.T, conn *grpc.ClientConn, r *recorder)
	// untimed leaves the times out: of calls that are retried, which takes time.
	untimed bool
}

// play returns the transcript of the scenario on a connection with these
// options.
func (s scenario) play(t *testing.T, dial ...grpc.DialOption) transcript {
	t.Helper()
	var r *recorder
	synctest.Test(t, func(t *testing.T) {
		r = newRecorder(!s.untimed)
		left := []grpc.DialOption{grpc.WithChainUnaryInterceptor(r.unary), grpc.WithChainStreamInterceptor(r.stream)}
		conn := s.connect(t, append(left, dial...)...)
		s.use(t, conn, r)
		synctest.Wait()
	})
	if len(r.lists) == 0 {
		t.Fatal("the transcript is empty")
	}
	return r.lists
}

// compare fails the test unless the interceptor with these options makes no
// difference.
func (s scenario) compare(t *testing.T, opts ...interceptor.Option) {
	t.Helper()
	wantSame(t, s.play(t), s.play(t, retrytest.DialOptions(opts...)...))
}

// wantSame fails the test unless both transcripts are the same.
func wantSame(t *testing.T, without, with transcript) {
	t.Helper()
	if diff := cmp.Diff(without, with); diff != "" {
		t.Errorf("without the interceptor (-) and with it (+):\n%s", diff)
	}
}

// serving is the connect of a scenario whose server implements the service.
func serving(service testpb.TestServiceServer) func(testing.TB, ...grpc.DialOption) *grpc.ClientConn {
	return func(tb testing.TB, dial ...grpc.DialOption) *grpc.ClientConn {
		tb.Helper()
		return grpctest.Serve(tb, service, dial...)
	}
}

// handling is the connect of a scenario whose server handles every method alike.
func handling(handle func(n int, stream grpc.ServerStream) error) func(testing.TB, ...grpc.DialOption) *grpc.ClientConn {
	return func(tb testing.TB, dial ...grpc.DialOption) *grpc.ClientConn {
		tb.Helper()
		return grpctest.ServeRaw(tb, handle, dial)
	}
}
