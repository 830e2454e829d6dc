package interceptor_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// jsonCodec is a codec that is not proto, and that adds to what is there.
type jsonCodec struct{}

func (jsonCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (jsonCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
func (jsonCodec) Name() string                       { return "json" }

// serveMethod serves one method, which is free to send a message before its
// status, and returns a connection and the method's name.
func serveMethod(tb testing.TB, handler func(n int, stream grpc.ServerStream) error, opts ...grpc.DialOption) (conn *grpc.ClientConn, method string) {
	tb.Helper()
	var n int
	srv := grpc.NewServer(grpc.ForceServerCodec(grpctest.RawCodec{}))
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Odd",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Call", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error {
				n++
				return handler(n, stream)
			},
		}},
	}, nil)
	return grpctest.Connect(tb, srv, opts...), "/test.Odd/Call"
}

// halfReply returns a handler that sends a message and then fails, until an
// attempt answers with the message whole.
func halfReply(failures int, message, whole []byte) func(n int, stream grpc.ServerStream) error {
	return func(n int, stream grpc.ServerStream) error {
		var request []byte
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		if n > failures {
			return stream.SendMsg(whole)
		}
		if err := stream.SendMsg(message); err != nil {
			return err
		}
		return grpctest.ErrOverloaded
	}
}

// marshalReply encodes a response of the test service.
func marshalReply(t *testing.T, m *testpb.SimpleResponse) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestUnary_aHalfFilledReplyIsResetBeforeTheNextAttempt(t *testing.T) {
	message := marshalReply(t, &testpb.SimpleResponse{Username: "half", OauthScope: "of another attempt"})
	whole := marshalReply(t, &testpb.SimpleResponse{Username: "whole"})
	synctest.Test(t, func(t *testing.T) {
		var found []proto.Message
		within := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if m, ok := reply.(proto.Message); ok {
				found = append(found, proto.Clone(m))
			}
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		conn, method := serveMethod(t, halfReply(2, message, whole),
			append(retrytest.DialOptions(interceptor.Repeatable()), grpc.WithChainUnaryInterceptor(within))...)
		reply := &testpb.SimpleResponse{}
		if err := conn.Invoke(t.Context(), method, &testpb.SimpleRequest{}, reply); err != nil {
			t.Fatal(err)
		}
		empty := &testpb.SimpleResponse{}
		if diff := cmp.Diff([]proto.Message{empty, empty, empty}, found, protocmp.Transform()); diff != "" {
			t.Errorf("replies given to the attempts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(&testpb.SimpleResponse{Username: "whole"}, reply, protocmp.Transform()); diff != "" {
			t.Errorf("reply (-want +got):\n%s", diff)
		}
	})
}

func TestUnary_aHalfFilledReplyIsResetOnTheFinalError(t *testing.T) {
	message := marshalReply(t, &testpb.SimpleResponse{Username: "half"})
	for name, opt := range map[string]interceptor.CallOption{
		"after retries":        interceptor.MaxRetries(2),
		"after the only try":   interceptor.Disable(),
		"of a call not to run": interceptor.NotRepeatable(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, method := serveMethod(t, halfReply(100, message, nil), retrytest.DialOptions(interceptor.Repeatable())...)
				reply := &testpb.SimpleResponse{}
				if err := conn.Invoke(t.Context(), method, &testpb.SimpleRequest{}, reply, opt); err == nil {
					t.Fatal("got no error")
				}
				if diff := cmp.Diff(&testpb.SimpleResponse{}, reply, protocmp.Transform()); diff != "" {
					t.Errorf("reply (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestUnary_aHalfFilledReplyIsResetWhenTheWaitIsCancelled(t *testing.T) {
	message := marshalReply(t, &testpb.SimpleResponse{Username: "half"})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, method := serveMethod(t, halfReply(100, message, nil),
			retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithObserver(func(context.Context, interceptor.Event) { cancel() }))...)
		reply := &testpb.SimpleResponse{}
		if err := conn.Invoke(ctx, method, &testpb.SimpleRequest{}, reply); err == nil {
			t.Fatal("got no error")
		}
		if diff := cmp.Diff(&testpb.SimpleResponse{}, reply, protocmp.Transform()); diff != "" {
			t.Errorf("reply (-want +got):\n%s", diff)
		}
	})
}

func TestUnary_repliesOfAnotherCodecAreResetToo(t *testing.T) {
	type answer struct {
		Name  string   `json:"name,omitempty"`
		Scope string   `json:"scope,omitempty"`
		Tags  []string `json:"tags,omitempty"`
	}
	codec := grpc.ForceCodec(jsonCodec{})
	message, whole := []byte(`{"name":"half","scope":"of another attempt","tags":["x"]}`), []byte(`{"name":"whole"}`)

	t.Run("a struct recovers without what another attempt left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn, method := serveMethod(t, halfReply(2, message, whole), retrytest.DialOptions(interceptor.Repeatable())...)
			var reply answer
			if err := conn.Invoke(t.Context(), method, struct{}{}, &reply, codec); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(answer{Name: "whole"}, reply); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("a map recovers without what another attempt left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn, method := serveMethod(t, halfReply(1, message, whole), retrytest.DialOptions(interceptor.Repeatable())...)
			var reply map[string]any
			if err := conn.Invoke(t.Context(), method, struct{}{}, &reply, codec); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]any{"name": "whole"}, reply); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("nothing is left on the final error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn, method := serveMethod(t, halfReply(100, message, nil), retrytest.DialOptions(interceptor.Repeatable())...)
			var reply answer
			if err := conn.Invoke(t.Context(), method, struct{}{}, &reply, codec); err == nil {
				t.Fatal("got no error")
			}
			if diff := cmp.Diff(answer{}, reply); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	})
}

// resettable is a reply with a way of its own to become empty.
type resettable struct {
	text   string
	resets int
}

func (r *resettable) Reset() { r.text = ""; r.resets++ }

func TestUnary_whateverAReplyIsAFailedCallDoesNotPanic(t *testing.T) {
	r := interceptor.New(interceptor.Disable())
	fail := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
		return grpctest.ErrOverloaded
	}
	own := &resettable{text: "half"}
	number := 7
	for name, reply := range map[string]any{
		"nothing at all":               nil,
		"a nil message":                (*testpb.SimpleResponse)(nil),
		"a nil pointer":                (*int)(nil),
		"no pointer":                   7,
		"a map":                        map[string]string{"k": "v"},
		"a pointer to a number":        &number,
		"something that resets itself": own,
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.Unary()(t.Context(), grpctest.UnaryMethod, nil, reply, nil, fail); err == nil {
				t.Error("got no error")
			}
		})
	}
	if number != 0 {
		t.Errorf("the number is %d, want 0", number)
	}
	if own.text != "" || own.resets != 1 {
		t.Errorf("got %q after %d resets, want an empty one after 1", own.text, own.resets)
	}
}
