package grpctest

import testpb "google.golang.org/grpc/interop/grpc_testing"

// Chunk returns a message of a server stream.
func Chunk(body string) *testpb.StreamingOutputCallResponse {
	return &testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte(body)}}
}

// Ask returns the request of a server stream.
func Ask(body string) *testpb.StreamingOutputCallRequest {
	return &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte(body)}}
}
