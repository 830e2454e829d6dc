package interceptor_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
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

func TestUnary_recoversAfterTheTablesBackoff(t *testing.T) {
	s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= 3 {
			return nil, status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
		}
		return &testpb.SimpleResponse{Username: "u"}, nil
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		reply, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if err != nil || reply.GetUsername() != "u" {
			t.Fatalf("got %v, %v, want an answer", reply, err)
		}
		want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}
		if diff := cmp.Diff(want, s.Gaps()); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
	}, interceptor.Repeatable())
}

// TestUnary_bareEOF: a unary call that ends with a bare io.EOF has lost its answer.
func TestUnary_bareEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right := grpc.WithChainUnaryInterceptor(func(context.Context, string, any, any, *grpc.ClientConn, grpc.UnaryInvoker, ...grpc.CallOption) error {
			return io.EOF
		})
		conn := grpctest.Serve(t, &grpctest.Server{}, append(retrytest.DialOptions(interceptor.MaxRetries(1)), right)...)
		_, err := grpctest.CallUnary(t.Context(), conn, interceptor.Repeatable())
		if f := interceptor.FailureOf(err); status.Code(err) != grpccodes.Unavailable || f.Class != codes.Network || f.Reach != codes.Lost {
			t.Errorf("got %v, of class %v and reach %v, want UNAVAILABLE, Network and Lost", err, f.Class, f.Reach)
		}
	})
}

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
