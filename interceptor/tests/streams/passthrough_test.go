package streams_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestStream_withoutDescription: grpc cannot open such a stream, and so it is
// not ours to retry.
func TestStream_withoutDescription(t *testing.T) {
	intercept := interceptor.New(interceptor.Repeatable()).Stream()
	calls := 0
	_, err := intercept(t.Context(), nil, nil, "/a.B/C", func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
		calls++
		return nil, grpctest.ErrOverloaded
	})
	if err != grpctest.ErrOverloaded || calls != 1 { //nolint:errorlint // the very error
		t.Errorf("got %v after %d calls, want the very error of one", err, calls)
	}
}

func TestStream_bidirectionalEcho(t *testing.T) {
	s := &grpctest.Server{}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		stream, err := client.FullDuplexCall(t.Context(), interceptor.NotRepeatable(), interceptor.Disable(), interceptor.CallOption{})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"one", "two", "three"} {
			if err := stream.Send(grpctest.Ask(body)); err != nil {
				t.Fatal(err)
			}
			m, err := stream.Recv()
			if err != nil || string(m.GetPayload().GetBody()) != body {
				t.Fatalf("got %v, %v, want the echo of %q", m, err, body)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want EOF", err)
		}
	}, interceptor.Repeatable())
}

func TestStream_clientStream(t *testing.T) {
	handle := func(_ int, stream grpc.ServerStream) error {
		var in testpb.StreamingInputCallRequest
		size := 0
		for {
			err := stream.RecvMsg(&in)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			size += len(in.GetPayload().GetBody())
		}
		if size == 0 {
			return grpctest.ErrOverloaded
		}
		return stream.SendMsg(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
	}
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.ServeRaw(t, handle, interceptor.DialOptions(interceptor.Repeatable()))
		client := testpb.NewTestServiceClient(conn)
		for _, bodies := range [][]string{{"one", "three"}, {}} {
			stream, err := client.StreamingInputCall(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, body := range bodies {
				size += len(body)
				if err := stream.Send(&testpb.StreamingInputCallRequest{Payload: &testpb.Payload{Body: []byte(body)}}); err != nil {
					t.Fatal(err)
				}
			}
			m, err := stream.CloseAndRecv()
			if size > 0 && (err != nil || int(m.GetAggregatedPayloadSize()) != size) {
				t.Errorf("got %v, %v, want a size of %d", m, err, size)
			}
			if size == 0 && status.Code(err) != grpccodes.Unavailable {
				t.Errorf("got %v, want the server's error", err)
			}
			if err := stream.RecvMsg(&testpb.StreamingInputCallResponse{}); err == nil {
				t.Error("RecvMsg after the only reply: nil, want an error")
			}
		}
	})
}

// TestStream_optionsThatCannotApply: whoever gives an option to a call of a
// kind that it is not for is told so.
func TestStream_optionsThatCannotApply(t *testing.T) {
	descriptions := map[string]*grpc.StreamDesc{
		"a server stream":          grpctest.ServerStream,
		"a client stream":          {ClientStreams: true},
		"a bidirectional stream":   {ClientStreams: true, ServerStreams: true},
		"a description of nothing": {},
	}
	resume := interceptor.WithResume(func(context.Context, interceptor.Interrupted) (proto.Message, bool) { return nil, false })
	for name, o := range map[string]interceptor.CallOption{"WithHedge": interceptor.WithHedge(time.Second, 2), "WithResume": resume} {
		for kind, desc := range descriptions {
			if name == "WithResume" && desc == grpctest.ServerStream {
				continue
			}
			t.Run(name+" given to "+kind, func(t *testing.T) {
				opened := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
					t.Error("the stream was opened")
					return nil, grpctest.ErrOverloaded
				}
				_, err := interceptor.New().Stream()(t.Context(), desc, nil, "/a.B/C", opened, grpc.WaitForReady(true), o)
				if status.Code(err) != grpccodes.InvalidArgument || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "/a.B/C") {
					t.Errorf("got %v, want INVALID_ARGUMENT that names the option and the method", err)
				}
				for where, intercept := range map[string]grpc.StreamClientInterceptor{
					"context": interceptor.New().Stream(), "connection": interceptor.New(o).Stream(),
				} {
					ctx := t.Context()
					if where == "context" {
						ctx = interceptor.NewContext(ctx, o)
					}
					inner := &grpctest.Fake{Ctx: ctx}
					stream, err := intercept(ctx, desc, nil, "/a.B/C",
						func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
							return inner, nil
						})
					if err != nil || stream.RecvMsg(nil) != nil {
						t.Errorf("set for the %s: %v, want it to do nothing", where, err)
					}
				}
			})
		}
	}
	t.Run("an invalid value fails any stream", func(t *testing.T) {
		for _, desc := range []*grpc.StreamDesc{grpctest.ServerStream, {ClientStreams: true}, nil} {
			_, err := interceptor.New().Stream()(t.Context(), desc, nil, "/a.B/C", nil, interceptor.WithReplayBuffer(-1))
			if status.Code(err) != grpccodes.InvalidArgument || !strings.Contains(err.Error(), "-1") {
				t.Errorf("got %v, want INVALID_ARGUMENT that names the value", err)
			}
		}
	})
}

// TestStream_withoutConnection: other code than grpc may call the interceptor,
// without a connection to give.
func TestStream_withoutConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		intercept := interceptor.New(interceptor.Repeatable(), interceptor.WithRand(func() float64 { return 0 })).Stream()
		n := 0
		began := time.Now()
		stream, err := intercept(t.Context(), grpctest.ServerStream, nil, "/a.B/C", func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
			n++
			switch n {
			case 1:
				return nil, grpctest.ErrUnreachable
			case 2:
				return &grpctest.Fake{Ctx: ctx, OnRecv: func(any) error { return grpctest.ErrOverloaded }}, nil
			}
			return &grpctest.Fake{Ctx: ctx}, nil
		}, grpc.OnFinish(func(error) {}))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(nil); err != nil {
			t.Errorf("RecvMsg: %v, want the third attempt to deliver", err)
		}
		if got, want := time.Since(began), grpctest.UnreachableWaits[0]+grpctest.OverloadedWaits[0]; got != want || n != 3 {
			t.Errorf("%d attempts in %v, want 3 in %v", n, got, want)
		}
	})
}
