package streams_test

import (
	"context"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestStream_aPanicAtTheEndIsTheEnd: a committed stream whose observer panics at its end
// has ended all the same, and once.
func TestStream_aPanicAtTheEndIsTheEnd(t *testing.T) {
	ends := 0
	trap := interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		if e.Outcome != interceptor.Pending {
			ends++
			panic("trap")
		}
	})
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
	retrytest.Setup{Options: []interceptor.Option{trap}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		grpctest.WantBody(t, stream, "one")
		if o := grpctest.EndingOf(func() error { _, err := grpctest.Receive(stream); return err }); o.Panicked != "trap" {
			t.Errorf("got %+v, want the panic", o)
		}
		grpctest.WantEOF(t, stream)
	})
	if ends != 1 {
		t.Errorf("the observer was told of %d ends, want one", ends)
	}
}

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
