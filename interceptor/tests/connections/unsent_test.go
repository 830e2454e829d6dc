package connections_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// lateToken is credentials whose token is mounted later: as in gRFC A97 they fail with a
// status until then.
type lateToken struct{ failures atomic.Int32 }

func (c *lateToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if c.failures.Add(-1) >= 0 {
		return nil, status.Error(grpccodes.Unavailable, "open /var/run/secrets/token: no such file or directory: token file access error")
	}
	return map[string]string{"authorization": "Bearer token"}, nil
}
func (*lateToken) RequireTransportSecurity() bool { return false }

// withoutOptions is an interceptor that does not pass call options on.
func withoutOptions(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, _ ...grpc.CallOption) error {
	return invoker(ctx, method, req, reply, cc)
}

// TestFirstCall_unsent: what never got a stream is known on the first call of a
// connection too, whatever its text; only not where options do not reach grpc.
func TestFirstCall_unsent(t *testing.T) {
	for name, c := range map[string]struct {
		opts     []interceptor.Option
		right    []grpc.DialOption
		attempts int // that the call takes
		reach    codes.Reach
	}{
		"plainly":             {nil, nil, 3, codes.Unsent},
		"with an observer":    {[]interceptor.Option{interceptor.WithObserver(func(context.Context, interceptor.Event) {})}, nil, 3, codes.Unsent},
		"without evidence":    {[]interceptor.Option{interceptor.WithoutEvidence()}, nil, 1, codes.Lost},
		"options are dropped": {nil, []grpc.DialOption{grpc.WithChainUnaryInterceptor(withoutOptions)}, 1, codes.Lost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				token := &lateToken{}
				token.failures.Store(2)
				dial := interceptor.DialOptions(append(c.opts, interceptor.NotRepeatable())...)
				dial = append(append(dial, c.right...), grpc.WithPerRPCCredentials(token))
				conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}, dial...)
				_, err := testpb.NewTestServiceClient(conn).UnaryCall(t.Context(), &testpb.SimpleRequest{})
				if left := int(token.failures.Load()); 2-left != c.attempts {
					t.Errorf("%d attempts, want %d: %v", 2-left, c.attempts, err)
				}
				if c.attempts > 1 {
					if err != nil {
						t.Errorf("got %v, want success", err)
					}
					return
				}
				var e *interceptor.Error
				if !errors.As(err, &e) || e.Attempts[0].Reach != c.reach {
					t.Errorf("got %v, want a failure that is %v", err, c.reach)
				}
			})
		})
	}
}
