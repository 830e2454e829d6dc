package bench_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// subject is what is measured: a way to make calls.
type subject struct {
	name string
	r    *interceptor.Retrier // nil: the bare call
}

// subjects are the bare call and the two ways to install the interceptor.
func subjects(opts ...interceptor.Option) []subject {
	return []subject{
		{"none", nil},
		{"reinvoke", interceptor.New(opts...)},
		{"reinvoke_WithoutEvidence", interceptor.New(append([]interceptor.Option{interceptor.WithoutEvidence()}, opts...)...)},
	}
}

// unary returns the unary interceptor of the subject.
func (s subject) unary() grpc.UnaryClientInterceptor {
	if s.r == nil {
		return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoker(ctx, method, req, reply, cc, opts...)
		}
	}
	unary := s.r.Unary()
	_ = unary(context.Background(), method, nil, nil, nil, finish) // as the first call of a connection, which has more to find out
	return unary
}

// finish is an invoker that calls the OnFinish options, as grpc does.
func finish(_ context.Context, _ string, _, _ any, _ *grpc.ClientConn, opts ...grpc.CallOption) error {
	for _, o := range opts {
		if o, ok := o.(grpc.OnFinishCallOption); ok {
			o.OnFinish(nil)
		}
	}
	return nil
}

// dialOptions returns the dial options of the subject.
func (s subject) dialOptions() []grpc.DialOption {
	if s.r == nil {
		return []grpc.DialOption{grpc.WithDisableRetry()}
	}
	return s.r.DialOptions()
}

const method = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"

// noWait retries a failing server at once.
func noWait() interceptor.CallOption {
	return interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 3})
}

// succeed is an invoker without a network.
func succeed(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
	return nil
}

// failOnce returns an invoker that fails every other time.
func failOnce() grpc.UnaryInvoker {
	err, n := status.Error(grpccodes.Unavailable, "The model is overloaded."), 0
	return func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
		if n++; n%2 == 1 {
			return err
		}
		return nil
	}
}

// BenchmarkUnaryAlone is the happy path of the interceptor alone, with one
// call option.
func BenchmarkUnaryAlone(b *testing.B) {
	for _, s := range subjects() {
		b.Run(s.name, func(b *testing.B) { unaryAlone(b, s.unary(), succeed) })
	}
}

// BenchmarkUnaryOneRetry is one retry without a wait, the interceptor alone.
func BenchmarkUnaryOneRetry(b *testing.B) {
	for _, s := range subjects(noWait(), interceptor.WithoutBudget()) {
		if s.r != nil {
			b.Run(s.name, func(b *testing.B) { unaryAlone(b, s.unary(), failOnce()) })
			continue
		}
		b.Run("none_two_calls", func(b *testing.B) {
			unaryAlone(b, func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				if invoker(ctx, method, req, reply, cc, opts...) == nil {
					return nil
				}
				return invoker(ctx, method, req, reply, cc, opts...)
			}, failOnce())
		})
	}
}

func unaryAlone(b *testing.B, unary grpc.UnaryClientInterceptor, invoker grpc.UnaryInvoker) {
	b.Helper()
	ctx, opts := b.Context(), []grpc.CallOption{grpc.WaitForReady(false)}
	req, reply := &testpb.SimpleRequest{}, &testpb.SimpleResponse{}
	b.ReportAllocs()
	for b.Loop() {
		if err := unary(ctx, method, req, reply, nil, invoker, opts...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnaryAloneParallel is the happy path on all cores: an interceptor
// that writes shared memory is slower on two than on one.
func BenchmarkUnaryAloneParallel(b *testing.B) {
	for _, s := range subjects() {
		b.Run(s.name, func(b *testing.B) {
			unary, opts := s.unary(), []grpc.CallOption{grpc.WaitForReady(false)}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				req, reply := &testpb.SimpleRequest{}, &testpb.SimpleResponse{}
				for pb.Next() {
					if err := unary(b.Context(), method, req, reply, nil, succeed, opts...); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkUnary is a call end to end, in memory and over loopback.
func BenchmarkUnary(b *testing.B) {
	for _, network := range []string{"bufconn", "tcp"} {
		for _, s := range subjects() {
			b.Run(network+"/"+s.name, func(b *testing.B) {
				client := testpb.NewTestServiceClient(serve(b, network, s))
				ctx, req := b.Context(), &testpb.SimpleRequest{}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := client.UnaryCall(ctx, req); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkUnaryParallel is calls end to end, on all cores.
func BenchmarkUnaryParallel(b *testing.B) {
	for _, s := range subjects() {
		b.Run("bufconn/"+s.name, func(b *testing.B) {
			client := testpb.NewTestServiceClient(serve(b, "bufconn", s))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := client.UnaryCall(b.Context(), &testpb.SimpleRequest{}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkStreamMessageAlone is one message of a server stream after the
// first, the interceptor alone.
func BenchmarkStreamMessageAlone(b *testing.B) {
	for _, s := range subjects()[:2] {
		b.Run(s.name, func(b *testing.B) {
			stream := openAlone(b, s.stream())
			m := &testpb.StreamingOutputCallResponse{}
			if err := stream.RecvMsg(m); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := stream.RecvMsg(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStreamOpenAlone is a server stream up to its first message, with a
// request of 1 KiB, the interceptor alone.
func BenchmarkStreamOpenAlone(b *testing.B) {
	for _, s := range subjects()[:2] {
		b.Run(s.name, func(b *testing.B) {
			m, open := &testpb.StreamingOutputCallResponse{}, s.stream()
			b.ReportAllocs()
			for b.Loop() {
				if err := openAlone(b, open).RecvMsg(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStreamMessage is one message of a server stream end to end.
func BenchmarkStreamMessage(b *testing.B) {
	for _, s := range subjects()[:2] {
		b.Run("bufconn/"+s.name, func(b *testing.B) {
			client := testpb.NewTestServiceClient(serve(b, "bufconn", s))
			stream, err := client.StreamingOutputCall(b.Context(), &testpb.StreamingOutputCallRequest{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stream.Recv(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// endless is a stream without a network whose messages are all alike.
type endless struct{ grpc.ClientStream }

func (endless) SendMsg(any) error            { return nil }
func (endless) RecvMsg(any) error            { return nil }
func (endless) CloseSend() error             { return nil }
func (endless) Trailer() metadata.MD         { return nil }
func (endless) Header() (metadata.MD, error) { return nil, errors.New("not used") }

// stream returns the stream interceptor of the subject.
func (s subject) stream() grpc.StreamClientInterceptor {
	if s.r == nil {
		return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return streamer(ctx, desc, cc, method, opts...)
		}
	}
	return s.r.Stream()
}

// openAlone opens a stream without a network, as generated code does.
func openAlone(tb testing.TB, open grpc.StreamClientInterceptor) grpc.ClientStream {
	tb.Helper()
	streamer := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
		return endless{}, nil
	}
	stream, err := open(tb.Context(), serverStream(), nil, method, streamer)
	if err != nil {
		tb.Fatal(err)
	}
	if err := stream.SendMsg(request(1 << 10)); err != nil {
		tb.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		tb.Fatal(err)
	}
	return stream
}

func serverStream() *grpc.StreamDesc { return &grpc.StreamDesc{ServerStreams: true} }

// request returns a request with a payload of so many bytes.
func request(size int) *testpb.StreamingOutputCallRequest {
	return &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, size)}}
}

// healthy is a server that never fails.
type healthy struct {
	testpb.UnimplementedTestServiceServer
}

func (healthy) UnaryCall(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return &testpb.SimpleResponse{}, nil
}

// StreamingOutputCall sends until the client goes away.
func (healthy) StreamingOutputCall(_ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	for m := (&testpb.StreamingOutputCallResponse{}); ; {
		if err := out.Send(m); err != nil {
			return err
		}
	}
}

// serve starts a healthy server and returns a connection of the subject to it.
func serve(tb testing.TB, network string, s subject) *grpc.ClientConn {
	tb.Helper()
	if network == "bufconn" {
		return grpctest.Serve(tb, healthy{}, s.dialOptions()...)
	}
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, healthy{})
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), append(s.dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}
