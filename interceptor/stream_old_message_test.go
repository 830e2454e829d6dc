package interceptor_test

import (
	"io"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/reinvoke/reinvoke/interceptor"
)

// oldText is a message of protobuf's first API alone, as old generated code has them. On
// the wire it is a wrapperspb.StringValue.
type oldText struct {
	Value string `protobuf:"bytes,1,opt,name=value,proto3"`
}

func (m *oldText) Reset()         { *m = oldText{} }
func (m *oldText) String() string { return m.Value }
func (*oldText) ProtoMessage()    {}

// TestStream_oldMessageEarlyAnswer: a server that answers before it has heard everything
// is heard by a client with such messages.
func TestStream_oldMessageEarlyAnswer(t *testing.T) {
	handle := func(_ int, stream grpc.ServerStream) error {
		var in wrapperspb.StringValue
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		return stream.SendMsg(wrapperspb.String("enough of " + in.GetValue()))
	}
	synctest.Test(t, func(t *testing.T) {
		conn := serveRaw(t, handle, interceptor.DialOptions(interceptor.Repeatable()))
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, "/any.Service/Upload")
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			err = stream.SendMsg(&oldText{Value: "one"})
			synctest.Wait()
		}
		if err != io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			t.Fatalf("SendMsg: got %v, want the end", err)
		}
		var out oldText
		if err := stream.RecvMsg(&out); err != nil || out.Value != "enough of one" {
			t.Errorf("RecvMsg: got %q, %v, want the answer", out.Value, err)
		}
	})
}
