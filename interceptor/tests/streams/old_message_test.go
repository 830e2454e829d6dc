package streams_test

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// oldText is a message of protobuf's first API alone, as old generated code has them. On
// the wire it is a wrapperspb.StringValue.
type oldText struct {
	Value string `protobuf:"bytes,1,opt,name=value,proto3"`
}

func (m *oldText) Reset()         { *m = oldText{} }
func (m *oldText) String() string { return m.Value }
func (*oldText) ProtoMessage()    {}

// answeredEarly returns a stream to a server that answers the first message, and takes
// no more: it has been told so.
func answeredEarly(t *testing.T, m any) grpc.ClientStream {
	t.Helper()
	handle := func(_ int, stream grpc.ServerStream) error {
		var in wrapperspb.StringValue
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		return stream.SendMsg(wrapperspb.String("enough of " + in.GetValue()))
	}
	conn := grpctest.ServeRaw(t, handle, interceptor.DialOptions(interceptor.Repeatable()))
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, "/any.Service/Upload")
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = stream.SendMsg(m)
		synctest.Wait()
	}
	if err != io.EOF { //nolint:errorlint // grpc returns io.EOF itself
		t.Fatalf("SendMsg: got %v, want the end", err)
	}
	return stream
}

// TestStream_oldMessageEarlyAnswer: an answer that was looked for when the stream took no
// more messages is received by a client of the first API too.
func TestStream_oldMessageEarlyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := answeredEarly(t, &oldText{Value: "one"})
		var out oldText
		if err := stream.RecvMsg(&out); err != nil || out.Value != "enough of one" {
			t.Errorf("RecvMsg: got %q, %v, want the answer", out.Value, err)
		}
	})
}

// ownTexts is a codec that takes protobuf's place, and knows only the messages of its
// program, as those of generators of faster code.
type ownTexts struct{ encoding.CodecV2 }

func (c ownTexts) Unmarshal(data mem.BufferSlice, v any) error {
	if _, own := v.(*wrapperspb.StringValue); !own {
		return fmt.Errorf("ownTexts: got a %T", v)
	}
	return c.CodecV2.Unmarshal(data, v)
}

// TestStream_codecInProtobufsPlace: such an answer is received in its own type alone
// where a program has registered a codec of its own.
func TestStream_codecInProtobufsPlace(t *testing.T) {
	grpcs := encoding.GetCodecV2("proto")
	encoding.RegisterCodecV2(ownTexts{grpcs})
	defer encoding.RegisterCodecV2(grpcs)
	synctest.Test(t, func(t *testing.T) {
		stream := answeredEarly(t, wrapperspb.String("one"))
		var out wrapperspb.StringValue
		if err := stream.RecvMsg(&out); err != nil || out.GetValue() != "enough of one" {
			t.Errorf("RecvMsg: got %q, %v, want the answer", out.GetValue(), err)
		}
	})
}
