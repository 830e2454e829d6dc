package interceptor_test

import (
	"bytes"
	"context"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestUnary_largeRequest: the size of a unary request does not matter, where
// grpc's own retries give up above 256 KiB; it is not copied either.
func TestUnary_largeRequest(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 4_000_000)
	s := &grpctest.Server{Unary: func(_ context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if !bytes.Equal(in.GetPayload().GetBody(), body) {
			return nil, status.Error(grpccodes.InvalidArgument, "not as sent")
		}
		if n == 1 {
			return nil, status.Error(grpccodes.Unavailable, "The model is overloaded.")
		}
		return &testpb.SimpleResponse{}, nil
	}}
	request := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: body}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		if _, err := client.UnaryCall(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	})
	if got := s.Attempts(); got != 2 {
		t.Errorf("%d attempts, want 2", got)
	}

	var seen []any // what the attempts are given is the caller's own message
	invoker := func(_ context.Context, _ string, req, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		if seen = append(seen, req); len(seen) == 1 {
			return status.Error(grpccodes.Unavailable, "The model is overloaded.")
		}
		return nil
	}
	unary := interceptor.UnaryClientInterceptor(interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1}), interceptor.Repeatable())
	if err := unary(t.Context(), grpctest.UnaryMethod, request, &testpb.SimpleResponse{}, nil, invoker); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[0] != any(request) || seen[1] != any(request) {
		t.Errorf("the attempts were given other messages than the caller's")
	}
}
