package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// flaky is an in-memory server whose first calls fail.
type flaky struct {
	testpb.UnimplementedTestServiceServer
	fails, calls int
	server       *grpc.Server
	conn         *grpc.ClientConn
}

// connect starts a server that fails so many calls, and returns a client with
// these options besides those that lead to the server.
func connect(fails int, opts ...grpc.DialOption) (f *flaky, client testpb.TestServiceClient) {
	f = &flaky{fails: fails, server: grpc.NewServer()}
	testpb.RegisterTestServiceServer(f.server, f)
	conn, err := grpc.NewClient("passthrough:///flaky", append(opts, grpctest.Start(f.server)...)...)
	if err != nil {
		panic(err)
	}
	f.conn = conn
	return f, testpb.NewTestServiceClient(conn)
}

func (f *flaky) stop() {
	_ = f.conn.Close()
	f.server.Stop()
}

func (f *flaky) answer() (string, error) {
	f.calls++
	if f.calls <= f.fails {
		return "", status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
	}
	return fmt.Sprintf("answer of attempt %d", f.calls), nil
}

func (f *flaky) UnaryCall(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	answer, err := f.answer()
	return &testpb.SimpleResponse{Username: answer}, err
}

func (f *flaky) StreamingOutputCall(_ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	answer, err := f.answer()
	if err != nil {
		return err
	}
	return out.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte(answer)}})
}

// quick is the default table without its waits: examples take no time.
func quick() policy.Table {
	t := policy.Default()
	for class := range t {
		t[class].Base = 0
	}
	return t
}

func ExampleDialOptions() {
	server, client := connect(2, interceptor.DialOptions(interceptor.WithTable(quick()))...)
	defer server.stop()

	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 3 <nil>
}

func ExampleNew() {
	r := interceptor.New(interceptor.WithTable(quick())) // both interceptors share its budget
	server, client := connect(1,
		grpc.WithChainUnaryInterceptor(r.Unary()),
		grpc.WithChainStreamInterceptor(r.Stream()),
		grpc.WithDisableRetry())
	defer server.stop()

	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 2 <nil>
}

func ExampleUnaryClientInterceptor() {
	server, client := connect(3,
		grpc.WithChainUnaryInterceptor(interceptor.UnaryClientInterceptor(interceptor.WithTable(quick()))),
		grpc.WithDisableRetry())
	defer server.stop()

	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 4 <nil>
}

func ExampleStreamClientInterceptor() {
	server, client := connect(3,
		grpc.WithChainStreamInterceptor(interceptor.StreamClientInterceptor(interceptor.WithTable(quick()))),
		grpc.WithDisableRetry())
	defer server.stop()

	stream, err := client.StreamingOutputCall(context.Background(), &testpb.StreamingOutputCallRequest{})
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := stream.Recv() // retries until there is a first message
	fmt.Printf("%s %v\n", message.GetPayload().GetBody(), err)
	// Output: answer of attempt 4 <nil>
}

func ExampleRetrier_Do() {
	r := interceptor.New(interceptor.WithTable(quick()))
	pages := 0
	err := r.Do(context.Background(), "fetch-page", func(context.Context) error {
		if pages++; pages < 3 {
			return errors.New("GET /page: 503 Service Unavailable")
		}
		return nil
	})
	fmt.Println(pages, err)
	// Output: 3 <nil>
}

func ExampleRetrier_DialOptions() {
	r := interceptor.New(interceptor.WithTable(quick()))
	server, client := connect(1, r.DialOptions()...)
	defer server.stop()

	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 2 <nil>
}

func ExampleRetrier_Unary() {
	r := interceptor.New(interceptor.WithTable(quick()))
	server, client := connect(1, grpc.WithChainUnaryInterceptor(r.Unary()), grpc.WithDisableRetry())
	defer server.stop()

	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 2 <nil>
}

func ExampleRetrier_Stream() {
	r := interceptor.New(interceptor.WithTable(quick()))
	server, client := connect(1, grpc.WithChainStreamInterceptor(r.Stream()), grpc.WithDisableRetry())
	defer server.stop()

	stream, err := client.StreamingOutputCall(context.Background(), &testpb.StreamingOutputCallRequest{})
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := stream.Recv()
	fmt.Printf("%s %v\n", message.GetPayload().GetBody(), err)
	// Output: answer of attempt 2 <nil>
}

func ExampleRetrier_Budget() {
	r := interceptor.New(interceptor.WithTable(quick()))
	server, client := connect(2, r.DialOptions()...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	tokens, _ := r.Budget().Held() // two retries were paid for, one success earned
	fmt.Println(tokens, err)
	// Output: 99 <nil>
}

func ExampleRetrier_Config() {
	r := interceptor.New(interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Second, Max: 5 * time.Second, Multiplier: 2}))
	fmt.Println(r.Config().Table[codes.Server])
	// Output: 1 retry, 1 s to 5 s, x2
}

func ExampleNewContext() {
	server, client := connect(3, interceptor.DialOptions(interceptor.WithTable(quick()))...)
	defer server.stop()

	// For clients that were generated without call options.
	ctx := interceptor.NewContext(context.Background(), interceptor.MaxRetries(1))
	_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
	fmt.Println(server.calls, status.Code(err))
	// Output: 2 Unavailable
}
