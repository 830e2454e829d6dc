package streams_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// words is a codec for *string: no protobuf in sight.
type words struct{}

func (words) Name() string { return "words" }

func (words) Marshal(v any) ([]byte, error) {
	s, ok := v.(*string)
	if !ok {
		return nil, fmt.Errorf("words: %T: want *string", v)
	}
	return []byte(*s), nil
}

func (words) Unmarshal(data []byte, v any) error {
	s, ok := v.(*string)
	if !ok {
		return fmt.Errorf("words: %T: want *string", v)
	}
	*s = string(data)
	return nil
}

// asJSON is a codec for protobuf messages that is not protobuf's own.
type asJSON struct{}

func (asJSON) Name() string { return "json" }

func (asJSON) Marshal(v any) ([]byte, error) { return protojson.Marshal(v.(proto.Message)) }

func (asJSON) Unmarshal(data []byte, v any) error {
	return protojson.Unmarshal(data, v.(proto.Message))
}

// codecBubble serves raw attempts in a codec inside a bubble.
func codecBubble(t *testing.T, codec encoding.Codec, handle func(n int, stream grpc.ServerStream) error, f func(t *testing.T, conn *grpc.ClientConn), options ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		options = append(options, interceptor.Repeatable(), interceptor.WithRand(func() float64 { return 0 }))
		f(t, grpctest.ServeRaw(t, handle, interceptor.DialOptions(options...), grpc.ForceServerCodec(codec)))
	})
}

// failWords is a server that fails so often and then answers with what it was
// asked.
func failWords(failures int) func(n int, stream grpc.ServerStream) error {
	return func(n int, stream grpc.ServerStream) error {
		var in string
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		if n <= failures {
			return grpctest.ErrOverloaded
		}
		return stream.SendMsg(&in)
	}
}

func TestStream_messageOfAnotherCodec(t *testing.T) {
	codec := []grpc.CallOption{grpc.ForceCodec(words{}), grpc.CallContentSubtype("words")}
	t.Run("passes", func(t *testing.T) {
		codecBubble(t, words{}, failWords(0), func(t *testing.T, conn *grpc.ClientConn) {
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, "/words.Words/Say", codec...)
			if err != nil {
				t.Fatal(err)
			}
			in, out := "hello", ""
			if err := stream.SendMsg(&in); err != nil {
				t.Fatalf("SendMsg: %v", err)
			}
			if err := stream.RecvMsg(&out); err != nil || out != "hello" {
				t.Fatalf("RecvMsg: got %q, %v, want the echo", out, err)
			}
			grpctest.WantEOF(t, stream)
		})
	})
	t.Run("is kept as its codec encodes it", func(t *testing.T) {
		codecBubble(t, words{}, failWords(2), func(t *testing.T, conn *grpc.ClientConn) {
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, "/words.Words/Say", codec...)
			if err != nil {
				t.Fatal(err)
			}
			in, out := "hello", "what was there before"
			if err := stream.SendMsg(&in); err != nil {
				t.Fatalf("SendMsg: %v", err)
			}
			in = "changed after it was sent"
			if err := stream.RecvMsg(&out); err != nil || out != "hello" {
				t.Fatalf("RecvMsg: got %q, %v, want the echo", out, err)
			}
			grpctest.WantEOF(t, stream)
		})
	})
	t.Run("a protobuf message is kept whatever its codec", func(t *testing.T) {
		handle := func(n int, stream grpc.ServerStream) error {
			var in testpb.StreamingOutputCallRequest
			if err := stream.RecvMsg(&in); err != nil {
				return err
			}
			if n == 1 {
				return grpctest.ErrOverloaded
			}
			return stream.SendMsg(grpctest.Chunk(string(in.GetPayload().GetBody())))
		}
		codecBubble(t, asJSON{}, handle, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn, grpc.ForceCodec(asJSON{}))
			grpctest.WantBody(t, stream, "as sent")
			grpctest.WantEOF(t, stream)
		})
	})
}

func TestStream_preparedMsg(t *testing.T) {
	s := &grpctest.Server{Stream: func(_ int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if string(in.GetPayload().GetBody()) == "fail" {
			return grpctest.ErrOverloaded
		}
		return grpctest.SendAll(out, string(in.GetPayload().GetBody()))
	}}
	prepare := func(t *testing.T, conn *grpc.ClientConn, body string) *grpc.PreparedMsg {
		t.Helper()
		other := grpctest.Open(t, t.Context(), conn) // a message may be prepared with any stream of the kind
		grpctest.WantBody(t, other, "as sent")
		var m grpc.PreparedMsg
		if err := m.Encode(other, grpctest.Ask(body)); err != nil {
			t.Fatal(err)
		}
		grpctest.WantEOF(t, other)
		return &m
	}
	t.Run("passes", func(t *testing.T) {
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			m := prepare(t, conn, "prepared")
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(m); err != nil {
				t.Fatalf("SendMsg: %v", err)
			}
			grpctest.WantBody(t, stream, "prepared")
			grpctest.WantEOF(t, stream)
		})
	})
	t.Run("cannot be kept, and so is not retried", func(t *testing.T) {
		var log retrytest.Lines
		u := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), log.Option()}}
		u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			m := prepare(t, conn, "fail")
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(m); err != nil {
				t.Fatalf("SendMsg: %v", err)
			}
			_, err = grpctest.Receive(stream)
			wantUnkept(t, err, 1, log.Text(), "no protobuf message")
		})
	})
}

// TestStream_requestThatCannotBeEncoded: what grpc refuses to send, it must
// be able to refuse.
func TestStream_requestThatCannotBeEncoded(t *testing.T) {
	for name, m := range map[string]any{"no message": 7, "invalid UTF-8": &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Message: "\xff"}}} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
				if err != nil {
					t.Fatal(err)
				}
				err = stream.SendMsg(m)
				if status.Code(err) != grpccodes.Internal || !retrytest.Untouched(err) || !strings.Contains(err.Error(), "marshal") {
					t.Fatalf("SendMsg: %v, want grpc's own INTERNAL", err)
				}
				if _, again := grpctest.Receive(stream); again != err { //nolint:errorlint // the same one
					t.Errorf("RecvMsg: %v, want what SendMsg has returned", again)
				}
				grpctest.WantAttempts(t, s, 0)
			})
		})
	}
}

// TestStream_messageThatCannotBeDecoded: a first message that the client
// cannot take fails the same way each time.
func TestStream_messageThatCannotBeDecoded(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, strings.Repeat("x", 100))}
	for name, tt := range map[string]struct {
		m    any
		opts []grpc.CallOption
		code grpccodes.Code
	}{
		"no pointer to decode into": {m: nil, code: grpccodes.Internal},
		"too large":                 {m: &testpb.StreamingOutputCallResponse{}, opts: []grpc.CallOption{grpc.MaxCallRecvMsgSize(10)}, code: grpccodes.ResourceExhausted},
	} {
		t.Run(name, func(t *testing.T) {
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn, tt.opts...)
				before := s.Attempts()
				err := stream.RecvMsg(tt.m)
				if status.Code(err) != tt.code || !retrytest.Untouched(err) {
					t.Fatalf("RecvMsg: %v, want grpc's own %v", err, tt.code)
				}
				for range 3 {
					if again := stream.RecvMsg(&testpb.StreamingOutputCallResponse{}); again != err { //nolint:errorlint // the same one
						t.Errorf("RecvMsg again: %v, want the same", again)
					}
				}
				if got := s.Attempts() - before; got > 1 {
					t.Errorf("got %d attempts, want one", got)
				}
			})
		})
	}
}
