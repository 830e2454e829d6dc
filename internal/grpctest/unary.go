package grpctest

import (
	"context"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// UnaryHandler answers the attempts of a server, numbered from 1.
type UnaryHandler = func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error)

// RefuseFirst fails the first attempts with err, and answers the others.
func RefuseFirst(attempts int, err error) UnaryHandler {
	return func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= attempts {
			return nil, err
		}
		return &testpb.SimpleResponse{Username: "u"}, nil
	}
}

// RefuseAlways fails every attempt with err.
func RefuseAlways(err error) UnaryHandler {
	return func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) { return nil, err }
}

// CallUnary makes a unary call over conn.
func CallUnary(ctx context.Context, conn grpc.ClientConnInterface, opts ...grpc.CallOption) (*testpb.SimpleResponse, error) {
	return testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{}, opts...)
}
