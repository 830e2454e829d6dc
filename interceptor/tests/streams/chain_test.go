package streams_test

import (
	"context"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// changing is a stream interceptor for the right of ours that sees every message that is
// received, and counts those of another type than the caller's.
type changing struct {
	grpc.ClientStream
	foreign *int
}

func (c changing) RecvMsg(m any) error {
	if err := c.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	if _, ok := m.(*testpb.StreamingOutputCallResponse); !ok {
		*c.foreign++
	}
	return nil
}

// TestStream_messagesPassTheChainInTheirOwnType: a message is not read ahead past an
// interceptor on the right.
func TestStream_messagesPassTheChainInTheirOwnType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		foreign := 0
		right := grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			below, err := streamer(ctx, desc, cc, method, opts...)
			return changing{below, &foreign}, err
		})
		conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
			return stream.SendMsg(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte("one")}})
		}, append(retrytest.DialOptions(), right))
		stream, err := conn.NewStream(t.Context(), &bidiStreamDesc, "/test.Raw/Call")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for err == nil {
			err = stream.SendMsg(&testpb.StreamingOutputCallRequest{})
		}
		var reply testpb.StreamingOutputCallResponse
		if err := stream.RecvMsg(&reply); err != nil || string(reply.GetPayload().GetBody()) != "one" || foreign != 0 {
			t.Errorf("got %v, %v, and %d messages of another type on the right: want the reply", &reply, err, foreign)
		}
	})
}
