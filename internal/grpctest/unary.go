package grpctest

import (
	"context"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// UnaryHandler answers an attempt of a unary call. n is the number of the attempt,
// counted from 1.
type UnaryHandler = func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error)

// RefuseFirst returns a handler failing the first attempts with err. Later attempts
// succeed.
func RefuseFirst(attempts int, err error) UnaryHandler {
	return func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= attempts {
			return nil, err
		}
		return &testpb.SimpleResponse{Username: "u"}, nil
	}
}

// RefuseAlways returns a handler failing every attempt with err.
func RefuseAlways(err error) UnaryHandler {
	return func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) { return nil, err }
}

// CallUnary makes a unary call over conn.
func CallUnary(ctx context.Context, conn grpc.ClientConnInterface, opts ...grpc.CallOption) (*testpb.SimpleResponse, error) {
	return testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{}, opts...)
}
