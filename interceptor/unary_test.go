package interceptor_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
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

func TestStream_retriesUntilTheFirstMessage(t *testing.T) {
	s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if string(in.GetPayload().GetBody()) != "as sent" {
			return status.Errorf(grpccodes.InvalidArgument, "attempt %d was sent %q", n, in.GetPayload().GetBody())
		}
		if n <= 2 {
			return status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
		}
		return out.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte("one")}})
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		request := &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte("as sent")}}
		stream, err := client.StreamingOutputCall(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		request.Payload.Body = []byte("changed later")
		m, err := stream.Recv()
		if err != nil || string(m.GetPayload().GetBody()) != "one" {
			t.Fatalf("got %v, %v, want a message", m, err)
		}
		want := []time.Duration{2 * time.Second, 4 * time.Second}
		if diff := cmp.Diff(want, s.Gaps()); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		if _, err := stream.Recv(); err == nil || err.Error() != "EOF" {
			t.Errorf("got %v, want EOF", err)
		}
	}, interceptor.Repeatable())
}
