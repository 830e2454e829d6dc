package streams_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// lenient is a codec that takes more than protobuf's own, as several that are
// generated do: text that is not UTF-8, and messages of the old API.
type lenient struct{ grpctest.RawCodec }

func (lenient) Name() string { return "lenient" }

func (lenient) Marshal(v any) ([]byte, error) {
	switch m := v.(type) {
	case *testpb.SimpleRequest:
		return []byte(m.GetResponseStatus().GetMessage()), nil
	case *old:
		return m.ID, nil
	}
	return proto.Marshal(v.(proto.Message))
}

// old is a message of the first protobuf API only. Its codec encodes it in a
// way of its own.
type old struct {
	ID []byte `protobuf:"bytes,1,opt,name=id,proto3"`
}

func (m *old) Reset()         { *m = old{} }
func (m *old) String() string { return string(m.ID) }
func (*old) ProtoMessage()    {}

// TestStream_requestThatOnlyItsCodecCanEncode: what is replayed must be what
// was sent. What its codec cannot decode again is not replayed.
func TestStream_requestThatOnlyItsCodecCanEncode(t *testing.T) {
	for _, tt := range []struct {
		name         string
		request      any
		sent, reason string
	}{
		{"invalid UTF-8", &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Message: "a\xff"}}, "a\xff", "would be another one"},
		{"a message of the old API", &old{ID: []byte("id")}, "id", "would be another one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log retrytest.Lines
			var arrived []string
			codecBubble(t, grpctest.RawCodec{}, func(_ int, stream grpc.ServerStream) error {
				var in []byte
				if err := stream.RecvMsg(&in); err != nil {
					in = []byte(err.Error())
				}
				arrived = append(arrived, string(in))
				return grpctest.ErrOverloaded
			}, func(t *testing.T, conn *grpc.ClientConn) {
				stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod, grpc.ForceCodec(lenient{}))
				if err != nil {
					t.Fatal(err)
				}
				if err := stream.SendMsg(tt.request); err != nil {
					t.Fatalf("SendMsg: %v", err)
				}
				_ = stream.CloseSend()
				var out []byte
				wantUnkept(t, stream.RecvMsg(&out), 1, log.Text(), tt.reason)
				if diff := cmp.Diff([]string{tt.sent}, arrived); diff != "" {
					t.Errorf("requests that have arrived (-want +got):\n%s", diff)
				}
			}, log.Option())
		})
	}
}
