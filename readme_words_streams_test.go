package reinvoke_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// breaking is a server whose first stream fails after so many messages.
type breaking struct {
	claimed
	after int
}

// StreamingOutputCall implements testpb.TestServiceServer.
func (s *breaking) StreamingOutputCall(_ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	return s.talk(out.Send)
}

// FullDuplexCall implements testpb.TestServiceServer.
func (s *breaking) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return s.talk(stream.Send)
		} else if err != nil {
			return err
		}
	}
}

func (s *breaking) talk(send func(*testpb.StreamingOutputCallResponse) error) error {
	first := s.arrived() == 1
	for range s.after {
		if err := send(&testpb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	if first {
		return status.Error(grpccodes.Unavailable, "busy")
	}
	return nil
}

// readAll sends a request of so many bytes, and reads the stream to the end.
func readAll(stream grpc.ClientStream, size int) error {
	err := stream.SendMsg(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, size)}})
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		err = stream.RecvMsg(&testpb.StreamingOutputCallResponse{})
	}
	return err
}

// TestReadme_wordsOnStreams: which streams are retried, and until when.
func TestReadme_wordsOnStreams(t *testing.T) {
	refusals := 0
	refuseOnce := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if refusals--; refusals >= 0 {
			return nil, status.Error(grpccodes.Unavailable, "busy")
		}
		return streamer(ctx, desc, cc, method, opts...)
	}
	for _, tt := range []struct {
		name    string
		bidi    bool
		opening bool // fails, before the server
		after   int  // messages before the failure
		size    int  // of the request
		retried []string
	}{
		{"the opening", false, true, 0, 10, []string{byMiddleware, byGAX, byOurs}}, // grpc itself stands below what refuses
		{"a server stream", false, false, 0, 10, []string{byGRPC, byMiddleware, byOurs}},
		{"a bidirectional stream", true, false, 0, 10, []string{byGRPC, byOurs}},
		{"after the first message", false, false, 1, 10, []string{byMiddleware}}, // whose caller gets the message twice
		{"more than 256 KiB", false, false, 0, 257 << 10, []string{byMiddleware}},
	} {
		for library, dial := range rivals() {
			t.Run(tt.name+", "+library, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server, method := &breaking{after: tt.after}, "/grpc.testing.TestService/StreamingOutputCall"
					if tt.bidi {
						method = "/grpc.testing.TestService/FullDuplexCall"
					}
					if refusals = 0; tt.opening {
						refusals = 1
					}
					conn := dialClaimed(t, server, append(dial, grpc.WithChainStreamInterceptor(refuseOnce))...)
					var stream grpc.ClientStream
					err := invoke(t.Context(), library, func(ctx context.Context) (err error) {
						stream, err = conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: tt.bidi}, method)
						return err
					})
					if err == nil {
						err = readAll(stream, tt.size)
					}
					attempts := len(server.at)
					if tt.opening {
						attempts++
					}
					if got, want := attempts > 1, slices.Contains(tt.retried, library); got != want {
						t.Errorf("retried %v, want %v: %v", got, want, err)
					}
				})
			})
		}
	}
}
