package targets_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestTargets_connection: another connection takes over at once, with its own interceptors;
// a Retrier there does not multiply the attempts, and still works for calls of its own.
func TestTargets_connection(t *testing.T) {
	for name, call := range grpctest.BothKinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen atomic.Int64
				other := grpctest.SilentFirst(0)
				fail := int64(1)
				sees := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
					if seen.Add(1) <= fail {
						return grpctest.ErrOverloaded
					}
					return invoker(ctx, method, req, reply, cc, opts...)
				}
				streams := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
					if seen.Add(1) <= fail {
						return nil, grpctest.ErrOverloaded
					}
					return streamer(ctx, desc, cc, method, opts...)
				}
				inner := retrytest.DialOptions(interceptor.Repeatable())
				east := grpctest.Serve(t, other, append(inner, grpc.WithChainUnaryInterceptor(sees), grpc.WithChainStreamInterceptor(streams))...)
				broken := &grpctest.Server{
					Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded),
					Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
						return grpctest.ErrOverloaded
					},
				}
				conn := grpctest.Serve(t, broken, retrytest.DialOptions(
					interceptor.Repeatable(), interceptor.WithTargets(interceptor.Target{Name: "east", Conn: east}),
				)...)
				began := time.Now()
				if err := call(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
				// At once to the east, whose first attempt fails once, and not again by its own
				// Retrier: after the wait of the table the call is back home, and in the east again.
				if took := time.Since(began); took != 2*time.Second+4*time.Second || broken.Attempts() != 2 || seen.Load() != 2 || other.Attempts() != 1 {
					t.Errorf("took %v, %d attempts at home, %d in the east: want 6s, 2 and 2", took, broken.Attempts(), seen.Load())
				}
				seen.Store(0)
				other.Reset()
				if err := call(t.Context(), east); err != nil || seen.Load() != 2 {
					t.Errorf("got %v after %d attempts, want a retry of the connection's own", err, seen.Load())
				}
			})
		})
	}
}

// pool is a connection that is no *grpc.ClientConn.
type pool struct {
	grpc.ClientConnInterface
	_ []int // makes it incomparable
}

// TestTargets_anyConnection: a target's connection may be of any type, and its name stands
// for the server.
func TestTargets_anyConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := pool{ClientConnInterface: grpctest.Serve(t, grpctest.SilentFirst(0))}
		var events retrytest.Watcher
		conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(errPerDay)}, retrytest.DialOptions(
			interceptor.WithTargets(interceptor.Target{Name: "far", Conn: far}), interceptor.WithObserver(events.Observe),
		)...)
		for range 2 {
			if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
				t.Error(err)
			}
		}
		if e := events.Last(); e.Target != "far" || e.TargetName != "far" || e.Attempt != 1 {
			t.Errorf("got %+v, want one attempt at far", e)
		}
	})
}

// TestTargets_nestedCalls: only the attempt itself passes a Retrier of the target's
// connection; a call that an interceptor there makes with the attempt's context is retried.
func TestTargets_nestedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.ErrOverloaded)}, retrytest.DialOptions(interceptor.Repeatable())...)
		auth := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if err := grpctest.CallUnaryOnce(ctx, tokens); err != nil {
				return status.Error(grpccodes.Unauthenticated, err.Error())
			}
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		east := grpctest.Serve(t, grpctest.SilentFirst(0), append(retrytest.DialOptions(), grpc.WithChainUnaryInterceptor(auth))...)
		conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(errPerDay)},
			retrytest.DialOptions(interceptor.WithTargets(interceptor.Target{Name: "east", Conn: east}))...)
		if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil {
			t.Error(err)
		}
	})
}
