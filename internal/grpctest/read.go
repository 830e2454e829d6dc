package grpctest

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// Open opens a server stream, sends the request and closes the sending side.
func Open(tb testing.TB, ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) grpc.ClientStream { //nolint:revive // t comes first
	tb.Helper()
	stream, err := conn.NewStream(ctx, ServerStream, StreamMethod, opts...)
	if err != nil {
		tb.Fatalf("NewStream: %v", err)
	}
	if err := stream.SendMsg(Ask("as sent")); err != nil {
		tb.Fatalf("SendMsg: %v", err)
	}
	if err := stream.CloseSend(); err != nil {
		tb.Fatalf("CloseSend: %v", err)
	}
	return stream
}

// Receive returns the body of the next message.
func Receive(stream grpc.ClientStream) (string, error) {
	var m testpb.StreamingOutputCallResponse
	err := stream.RecvMsg(&m)
	return string(m.GetPayload().GetBody()), err
}

// Drain reads the stream to the end, and returns the bodies and the error, nil for io.EOF.
func Drain(stream grpc.ClientStream) (bodies []string, err error) {
	for {
		body, err := Receive(stream)
		if errors.Is(err, io.EOF) {
			return bodies, nil
		}
		if err != nil {
			return bodies, err
		}
		bodies = append(bodies, body)
	}
}

// WantBody fails the test unless the next message has this body.
func WantBody(t *testing.T, stream grpc.ClientStream, want string) {
	t.Helper()
	if got, err := Receive(stream); err != nil || got != want {
		t.Fatalf("RecvMsg: got %q, %v, want %q", got, err, want)
	}
}

// WantEOF fails the test unless the stream has ended without an error.
func WantEOF(t *testing.T, stream grpc.ClientStream) {
	t.Helper()
	if got, err := Receive(stream); err != io.EOF { //nolint:errorlint // generated code compares too
		t.Fatalf("RecvMsg: got %q, %v, want EOF", got, err)
	}
}
