package grpctest

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// CallOnce makes a call and returns the error of the call.
type CallOnce func(context.Context, *grpc.ClientConn, ...grpc.CallOption) error

// BothKinds has a unary call and a server stream.
var BothKinds = map[string]CallOnce{"unary": CallUnaryOnce, "stream": ReadStreamOnce}

// CallUnaryOnce makes a unary call.
func CallUnaryOnce(ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) error {
	_, err := CallUnary(ctx, conn, opts...)
	return err
}

// ReadStreamOnce reads a server stream to its end.
func ReadStreamOnce(ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) error {
	stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{}, opts...)
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// SilentFirst returns a server for unary calls and server streams. The first attempts get
// no answer, and later attempts succeed.
func SilentFirst(attempts int) *Server {
	answer := func(ctx context.Context, n int) error {
		if n > attempts {
			return nil
		}
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	return &Server{
		Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{}, answer(ctx, n)
		},
		Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := answer(out.Context(), n); err != nil {
				return err
			}
			return out.Send(&testpb.StreamingOutputCallResponse{})
		},
	}
}
