package transcripts_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
)

// TestTranscript_interop plays the cases of grpc's own interoperability tests,
// client and server, unary calls and streams of every kind. Two cases are not among
// them, because what is seen of them differs from run to run with grpc alone: that of a
// deadline, at which the server ends too, and that of a client stream that is cancelled
// before CloseAndRecv, which 2 of 40,000 times is answered all the same.
func TestTranscript_interop(t *testing.T) {
	for name, play := range map[string]func(context.Context, testpb.TestServiceClient, ...grpc.CallOption){
		"empty_unary":                 interop.DoEmptyUnaryCall,
		"large_unary":                 interop.DoLargeUnaryCall,
		"client_streaming":            interop.DoClientStreaming,
		"server_streaming":            interop.DoServerStreaming,
		"ping_pong":                   interop.DoPingPong,
		"empty_stream":                interop.DoEmptyStream,
		"cancel_after_first_response": interop.DoCancelAfterFirstResponse,
		"custom_metadata":             interop.DoCustomMetadata,
		"status_code_and_message":     interop.DoStatusCodeAndMessage,
		"special_status_message":      interop.DoSpecialStatusMessage,
		"unimplemented_method":        nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario{connect: serving(interop.NewTestServer()), untimed: true}
			s.use = func(t *testing.T, conn *grpc.ClientConn, _ *recorder) {
				t.Helper()
				if play == nil {
					interop.DoUnimplementedMethod(t.Context(), conn)
					return
				}
				play(t.Context(), testpb.NewTestServiceClient(conn))
			}
			var opts []interceptor.Option
			if strings.Contains(name, "status") { // they compare the text of an UNKNOWN, which would have its history in it
				opts = append(opts, interceptor.Disable())
			}
			s.compare(t, opts...)
		})
	}
}
