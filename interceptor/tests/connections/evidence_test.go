package connections_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestUnary_interceptorThatDropsOptions: where an interceptor further in does
// not pass the call options on, no trailer arrives, and that must not be taken
// for a call that was never sent.
func TestUnary_interceptorThatDropsOptions(t *testing.T) {
	drops := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, _ ...grpc.CallOption) error {
		return invoker(ctx, method, req, reply, cc)
	}
	for name, successes := range map[string]int{"after a success": 1, "in the first call": 0} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if n <= successes {
					return &testpb.SimpleResponse{}, nil
				}
				return nil, status.Error(grpccodes.Internal, "it may have run")
			}}
			conn := grpctest.Serve(t, s, append(interceptor.DialOptions(), grpc.WithChainUnaryInterceptor(drops))...)
			client := testpb.NewTestServiceClient(conn)
			for range successes {
				if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); status.Code(err) != grpccodes.Internal {
				t.Fatalf("got %v, want INTERNAL", err)
			}
			if got := s.Attempts(); got != successes+1 {
				t.Errorf("the server was called %d times, want %d: a method that must not run twice was repeated", got, successes+1)
			}
		})
	}
}

// TestUnary_refusedCallFinishes: OnFinish is called for a call that is not
// made, wherever it stands among the options.
func TestUnary_refusedCallFinishes(t *testing.T) {
	conn := grpctest.Serve(t, &grpctest.Server{}, interceptor.DialOptions()...)
	bad := interceptor.MaxRetries(-1)
	for name, opts := range map[string]func(grpc.CallOption) []grpc.CallOption{
		"before": func(o grpc.CallOption) []grpc.CallOption { return []grpc.CallOption{o, bad} },
		"after":  func(o grpc.CallOption) []grpc.CallOption { return []grpc.CallOption{bad, o} },
	} {
		var finished []error
		onFinish := grpc.OnFinish(func(err error) { finished = append(finished, err) })
		_, err := testpb.NewTestServiceClient(conn).UnaryCall(t.Context(), &testpb.SimpleRequest{}, opts(onFinish)...)
		if status.Code(err) != grpccodes.InvalidArgument || len(finished) != 1 || status.Code(finished[0]) != grpccodes.InvalidArgument {
			t.Errorf("%s: got %v and OnFinish with %v, want INVALID_ARGUMENT once", name, err, finished)
		}
		finished = nil
		_, err = testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{}, opts(onFinish)...)
		if status.Code(err) != grpccodes.InvalidArgument || len(finished) != 1 {
			t.Errorf("%s: stream: got %v and OnFinish with %v, want INVALID_ARGUMENT once", name, err, finished)
		}
	}
}
