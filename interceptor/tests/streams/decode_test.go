package streams_test

import (
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestStream_nowhereToDecode: grpc itself does not look at where a message
// goes unless there is one.
func TestStream_nowhereToDecode(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errDenied, errDenied, errDenied, errDenied})}
	var none *testpb.StreamingOutputCallResponse
	for name, m := range map[string]any{"nil": nil, "a nil message": none, "a nil pointer": (*string)(nil), "no pointer": 7} {
		t.Run(name, func(t *testing.T) {
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				retrytest.WantStatus(t, stream.RecvMsg(m), grpccodes.PermissionDenied, "no")
			})
		})
	}
}

// TestStream_faultyMessageIsTheEnd: grpc's own stream goes on reading behind
// a message that it could not take, and may take what it finds there for a
// message.
func TestStream_faultyMessageIsTheEnd(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one", string(make([]byte, 1000)), "three")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn, grpc.MaxCallRecvMsgSize(100))
		grpctest.WantBody(t, stream, "one")
		time.Sleep(time.Second) // the rest has arrived
		_, final := grpctest.Receive(stream)
		if status.Code(final) != grpccodes.ResourceExhausted {
			t.Fatalf("RecvMsg: %v, want a message that is too large", final)
		}
		wantTerminal(t, s, stream, final)
	})
}
