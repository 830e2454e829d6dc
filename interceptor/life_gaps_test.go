package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestPlace_lapsesWithTheContext: a stream that has ended with its connection, and that
// nobody has read, holds its place until its context ends, since the reader would know
// more.
func TestPlace_lapsesWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &tally{}
		conn := grpctest.Serve(t, &grpctest.Server{}, retrytest.DialOptions(interceptor.WithBreaker(l))...)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := testpb.NewTestServiceClient(conn).FullDuplexCall(ctx); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		time.Sleep(time.Second)
		if got := l.told.Load(); got != 0 {
			t.Errorf("the breaker was told %d times before the end of the context, want not at all", got)
		}
		cancel()
		synctest.Wait()
		l.settled(t, 1)
	})
}

// TestRefresh_comesBeforeTheBreaker: a retry whose credentials cannot be refreshed asks
// for no place.
func TestRefresh_comesBeforeTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &tally{}
		renew := interceptor.WithRefresh(func(context.Context) error { return errors.New("no") })
		conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(errToken)}, retrytest.DialOptions(renew, interceptor.WithBreaker(l))...)
		if _, err := grpctest.CallUnary(t.Context(), conn); status.Code(err) != grpccodes.Unauthenticated || l.allowed.Load() != 1 {
			t.Errorf("got %v and %d attempts that the breaker has allowed, want UNAUTHENTICATED and one", err, l.allowed.Load())
		}
		l.settled(t, 1)
	})
}

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

// TestStream_lateResultsOfAnAttemptGivenUp: what an attempt that was given up still writes
// is not what the caller sees.
func TestStream_lateResultsOfAnAttemptGivenUp(t *testing.T) {
	var late *metadata.MD // where the first attempt leaves its trailer
	right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if late != nil {
			return streamer(ctx, desc, cc, method, opts...)
		}
		for _, o := range opts {
			if o, ok := o.(grpc.TrailerCallOption); ok {
				late = o.TrailerAddr
			}
		}
		return nil, grpctest.ErrUnreachable
	}
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
	retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var trailer metadata.MD
		if _, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn, grpc.Trailer(&trailer))); err != nil || late == nil {
			t.Fatalf("got %v, want success, and an option for the trailer", err)
		}
		*late = metadata.Pairs("attempt", "1")
		if len(trailer.Get("attempt")) > 0 {
			t.Errorf("got the trailer %v of the first attempt, want that of the second", trailer)
		}
	})
}
