package interceptor_test

import (
	"context"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestStream_endsOnce: a sender whose message is too large and a receiver who reads
// meanwhile both come to the end of the stream. It ends once.
func TestStream_endsOnce(t *testing.T) {
	var mu sync.Mutex
	ends := 0
	watch := interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		if e.Outcome != interceptor.Pending {
			mu.Lock()
			ends++
			mu.Unlock()
		}
	})
	conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
		_ = stream.SendHeader(grpctest.OddHeader())
		<-stream.Context().Done()
		return stream.Context().Err()
	}, append(retrytest.DialOptions(watch), grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(100))))
	large := &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 200)}}
	const streams = 3000
	for range streams {
		stream := grpctest.OpenRaw(t, conn, bidiStreamDesc)
		var wg sync.WaitGroup
		wg.Go(func() { _ = stream.SendMsg(large) })
		wg.Go(func() {
			_, _ = stream.Header()                                                                           // it may be committed meanwhile
			if err := stream.RecvMsg(new(testpb.StreamingOutputCallResponse)); err == nil || err == io.EOF { //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
				t.Errorf("got %v, want the end of a message that is too large", err)
			}
		})
		wg.Wait()
	}
	if ends != streams {
		t.Errorf("%d streams ended %d times", streams, ends)
	}
}

// brokenTwice is a stream that fails for its receiver, and for a sender while the end is
// being told.
type brokenTwice struct {
	grpc.ClientStream
	sending, ending, sent chan struct{}
}

func (b brokenTwice) SendMsg(any) error {
	close(b.sending)
	<-b.ending
	close(b.sent)
	return grpctest.ErrOverloaded
}

func (b brokenTwice) RecvMsg(any) error { return grpctest.ErrOverloaded }

// TestStream_endsOnceThoughBothFail: a sender that finds a committed stream broken while a
// receiver is telling of its end adds no other end.
func TestStream_endsOnceThoughBothFail(t *testing.T) {
	b := brokenTwice{sending: make(chan struct{}), ending: make(chan struct{}), sent: make(chan struct{})}
	right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		var err error
		b.ClientStream, err = streamer(ctx, desc, cc, method, opts...)
		return b, err
	}
	ends := 0
	watch := interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		if e.Outcome == interceptor.Pending {
			return
		}
		if ends++; ends == 1 {
			close(b.ending)
			<-b.sent
			for range 10_000 { // in which the sender comes to the end, too
				runtime.Gosched()
			}
		}
	})
	conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
		_ = stream.SendHeader(grpctest.OddHeader())
		<-stream.Context().Done()
		return stream.Context().Err()
	}, append(retrytest.DialOptions(watch), grpc.WithChainStreamInterceptor(right)))
	stream := grpctest.OpenRaw(t, conn, bidiStreamDesc)
	var wg sync.WaitGroup
	wg.Go(func() { _ = stream.SendMsg(new(testpb.StreamingOutputCallRequest)) })
	<-b.sending
	if md, err := stream.Header(); md == nil || err != nil {
		t.Fatalf("got header %v, %v, want one, which commits the stream", md, err)
	}
	if err := stream.RecvMsg(new(testpb.StreamingOutputCallResponse)); err == nil {
		t.Error("got no error of a stream that is broken")
	}
	wg.Wait()
	if ends != 1 {
		t.Errorf("the stream ended %d times", ends)
	}
}

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

// vanishing is an attempt that has ended without any response.
type vanishing struct {
	grpc.ClientStream
	ctx context.Context
}

func (v vanishing) RecvMsg(any) error            { return io.EOF }
func (v vanishing) Header() (metadata.MD, error) { return nil, nil }
func (v vanishing) Trailer() metadata.MD         { return nil }
func (v vanishing) Context() context.Context     { return v.ctx }

// TestStream_withoutAnyResponse: a stream that has ended without header and trailer is
// no empty success.
func TestStream_withoutAnyResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		right := func(always bool) grpc.DialOption {
			return grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				below, err := streamer(ctx, desc, cc, method, opts...)
				if attempts++; attempts == 1 || always {
					ended, cancel := context.WithCancel(ctx)
					cancel()
					return vanishing{below, ended}, err
				}
				return below, err
			})
		}
		s := &grpctest.Server{Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
			return nil
		}}
		for _, always := range []bool{false, true} {
			attempts = 0
			ctx, cancel := context.WithCancel(t.Context())
			conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.Repeatable(), interceptor.MaxRetries(1)), right(always))...)
			stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			f := interceptor.FailureOf(err)
			switch {
			case attempts != 2:
				t.Errorf("%d attempts, want 2", attempts)
			case !always && err != io.EOF: //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
				t.Errorf("got %v, want the empty success of the second attempt", err)
			case always && (status.Code(err) != grpccodes.Unavailable || f.Class != codes.Network || f.Reach != codes.Lost):
				t.Errorf("got %v, of class %v and reach %v, want UNAVAILABLE, Network and Lost", err, f.Class, f.Reach)
			}
			cancel()
		}
	})
}

// TestUnary_bareEOF: a unary call that ends with a bare io.EOF has lost its answer.
func TestUnary_bareEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right := grpc.WithChainUnaryInterceptor(func(context.Context, string, any, any, *grpc.ClientConn, grpc.UnaryInvoker, ...grpc.CallOption) error {
			return io.EOF
		})
		conn := grpctest.Serve(t, &grpctest.Server{}, append(retrytest.DialOptions(interceptor.MaxRetries(1)), right)...)
		_, err := grpctest.CallUnary(t.Context(), conn, interceptor.Repeatable())
		if f := interceptor.FailureOf(err); status.Code(err) != grpccodes.Unavailable || f.Class != codes.Network || f.Reach != codes.Lost {
			t.Errorf("got %v, of class %v and reach %v, want UNAVAILABLE, Network and Lost", err, f.Class, f.Reach)
		}
	})
}

// failingFirst is a stream interceptor for the right of ours that fails the first attempt
// of every call while the stream below goes on.
func failingFirst() grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		below, err := streamer(ctx, desc, cc, method, opts...)
		if md, _ := metadata.FromOutgoingContext(ctx); err != nil || len(md["grpc-previous-rpc-attempts"]) > 0 {
			return below, err
		}
		return notToday{below, make(chan struct{}, 10)}, nil
	}
}

// notToday fails when it is received from, while it is being sent on.
type notToday struct {
	grpc.ClientStream
	sending chan struct{} // has room for all
}

func (s notToday) SendMsg(m any) error {
	s.sending <- struct{}{}
	time.Sleep(time.Millisecond)
	return s.ClientStream.SendMsg(m)
}

func (s notToday) RecvMsg(any) error {
	<-s.sending
	return status.Error(grpccodes.Unavailable, "not today")
}

// TestStream_lateResults: an attempt that was given up writes no longer into the
// caller's Header and Trailer variables.
func TestStream_lateResults(t *testing.T) {
	conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
		stream.SetTrailer(metadata.Pairs("n", "of the server"))
		grpctest.ReadAll(stream)
		return nil
	}, append(retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithoutBudget(),
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Microsecond, Max: time.Microsecond, Multiplier: 1})),
		grpc.WithChainStreamInterceptor(failingFirst())))
	for range 100 {
		var header, trailer metadata.MD
		stream := grpctest.OpenRaw(t, conn, bidiStreamDesc, grpc.Header(&header), grpc.Trailer(&trailer))
		var wg sync.WaitGroup
		wg.Go(func() { // so that a sender has to end the attempt that was given up
			_ = stream.SendMsg(grpctest.Ask("x"))
			_ = stream.CloseSend()
		})
		_, err := grpctest.Receive(stream)
		if err != io.EOF || len(trailer["n"]) != 1 { //nolint:errorlint // as above
			t.Fatalf("got %v, header %v, trailer %v, want those of the attempt that was well", err, header, trailer)
		}
		wg.Wait()
	}
}

// TestTrust_isOfOneConnection: that trailers arrive over one connection says nothing
// about another, whose interceptors may drop the option that asks for them.
func TestTrust_isOfOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reaches []codes.Reach
		r := interceptor.New(interceptor.MaxRetries(0), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if e.Failure.Class != codes.None {
				reaches = append(reaches, e.Failure.Reach)
			}
		}))
		whole := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}, r.DialOptions()...)
		if _, err := grpctest.CallUnary(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		drops := grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			return invoke(ctx, method, req, reply, cc)
		})
		dropping := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(status.Error(grpccodes.Internal, "no"))}, append(r.DialOptions(), drops)...)
		_, _ = grpctest.CallUnary(t.Context(), dropping)
		if len(reaches) == 0 || slices.Contains(reaches, codes.Unsent) {
			t.Errorf("got %v, want failures that do not count as not sent", reaches)
		}
	})
}
