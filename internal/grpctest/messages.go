package grpctest

import testpb "google.golang.org/grpc/interop/grpc_testing"

// Chunk is one message of a stream.
func Chunk(body string) *testpb.StreamingOutputCallResponse {
	return &testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte(body)}}
}

// Ask is the request of a stream.
func Ask(body string) *testpb.StreamingOutputCallRequest {
	return &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte(body)}}
}
