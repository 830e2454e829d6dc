package migrating_test

import (
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestMigrating_middlewareStreamBreaks: after a message theirs begins the stream again,
// and its first message comes twice; ours ends it.
func TestMigrating_middlewareStreamBreaks(t *testing.T) {
	named(t, "its messages come twice")
	read := func(dial []grpc.DialOption) (messages, attempts int, code grpccodes.Code) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				if err := out.Send(&testpb.StreamingOutputCallResponse{}); err != nil || n > 1 {
					return err
				}
				return refused(grpccodes.Unavailable)
			}}
			stream, err := testpb.NewTestServiceClient(grpctest.Serve(t, s, dial...)).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
			for ; err == nil; messages++ {
				_, err = stream.Recv()
			}
			messages, attempts, code = messages-1, s.Attempts(), status.Code(err)
		})
		return messages, attempts, code
	}
	if messages, attempts, code := read(thrice(tick)); messages != 2 || attempts != 2 || code != grpccodes.Unknown { // io.EOF is no status
		t.Errorf("theirs: got %d messages of %d attempts, %v, want 2 of 2 and the end", messages, attempts, code)
	}
	if messages, attempts, code := read(thriceOurs(tick)); messages != 1 || attempts != 1 || code != grpccodes.Unavailable {
		t.Errorf("ours: got %d messages of %d attempts, %v, want 1 of 1 and UNAVAILABLE", messages, attempts, code)
	}
}

// TestMigrating_middlewareClientStreams: theirs refuses client streams, ours takes them.
func TestMigrating_middlewareClientStreams(t *testing.T) {
	named(t, "fails with UNIMPLEMENTED")
	open := func(dial []grpc.DialOption) (code grpccodes.Code) {
		synctest.Test(t, func(t *testing.T) {
			stream, err := testpb.NewTestServiceClient(grpctest.Serve(t, &grpctest.Server{}, dial...)).FullDuplexCall(t.Context())
			if err == nil {
				err = stream.Send(&testpb.StreamingOutputCallRequest{})
			}
			if err == nil {
				_, err = stream.Recv()
			}
			code = status.Code(err)
		})
		return code
	}
	if got := open(thrice(tick)); got != grpccodes.Unimplemented {
		t.Errorf("theirs: got %v, want UNIMPLEMENTED", got)
	}
	if got := open(thriceOurs(tick)); got != grpccodes.OK {
		t.Errorf("ours: got %v, want OK", got)
	}
}
