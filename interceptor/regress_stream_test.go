package interceptor_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// drainOnce has the next connection to an outage meet a server that is about
// to restart: it processes no stream, says so with a GOAWAY, and is gone until
// the outage is started.
func drainOnce(o *grpctest.Outage) {
	listener := o.Listen()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if _, ok := frame.(*http2.HeadersFrame); ok {
				o.Stop()
				_ = framer.WriteGoAway(0, http2.ErrCodeNo, nil)
				return
			}
		}
	}()
}

// TestStream_sendThatCannotReconnect: grpc makes another attempt of a stream
// that was not processed by itself, inside SendMsg. If that one finds no
// connection, its failure is one like any other, though SendMsg reports it.
func TestStream_sendThatCannotReconnect(t *testing.T) {
	type event struct {
		Outcome interceptor.Outcome
		Attempt int
		Class   codes.Class
		Why     policy.Why
	}
	failed := func(attempt int, why policy.Why) event {
		return event{interceptor.Pending, attempt, codes.Network, why}
	}
	for _, tt := range []struct {
		name string
		back time.Duration // when the server is back; zero for never
		send grpccodes.Code
		want []event
	}{
		{"the server comes back", 500 * time.Millisecond, grpccodes.OK, []event{
			failed(1, policy.Backoff), {interceptor.Pending, 2, codes.None, policy.Success}, {interceptor.Recovered, 2, codes.Network, policy.Success},
		}},
		{"the server stays away", 0, grpccodes.Unavailable, []event{
			failed(1, policy.Backoff), failed(2, policy.Backoff), failed(3, policy.ClassExhausted),
			{interceptor.Exhausted, 3, codes.Network, policy.ClassExhausted},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				var f grpctest.Finishes
				s := &grpctest.Server{Stream: func(_ int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
					return grpctest.SendAll(out, string(in.GetPayload().GetBody()))
				}}
				o := &grpctest.Outage{Service: s}
				drainOnce(o)
				conn := o.Connect(t, retrytest.DialOptions(append(retrytest.Network(2, time.Second), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))...)...)
				stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod, f.Option())
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until the server has gone
				if tt.back > 0 {
					time.AfterFunc(tt.back, o.Start)
				}
				err = stream.SendMsg(grpctest.Ask("as sent"))
				if err == nil && tt.send != grpccodes.OK { // grpc-go up to v1.83 leaves it to RecvMsg
					_, err = grpctest.Receive(stream)
				}
				if status.Code(err) != tt.send {
					t.Fatalf("SendMsg: %v, want %v", err, tt.send)
				}
				final := error(nil)
				if tt.send == grpccodes.OK {
					if err := stream.CloseSend(); err != nil {
						t.Errorf("CloseSend: %v", err)
					}
					grpctest.WantBody(t, stream, "as sent")
					grpctest.WantEOF(t, stream)
					grpctest.WantAttempts(t, s, 1)
				} else if _, final = grpctest.Receive(stream); final != err { //nolint:errorlint // the same one
					t.Errorf("RecvMsg: %v, want what SendMsg has returned", final)
				}
				if diff := cmp.Diff([]error{final}, f.All(), cmp.Comparer(errors.Is)); diff != "" {
					t.Errorf("OnFinish (-want +got):\n%s", diff)
				}
				var got []event
				for _, e := range w.Events {
					got = append(got, event{e.Outcome, e.Attempt, e.Failure.Class, e.Decision.Why})
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

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
