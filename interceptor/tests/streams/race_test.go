package streams_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
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

// capricious is a server whose attempts end at random: before the header,
// after it, or after some messages, well or not. Every message and header
// says which attempt it is of.
func capricious(r *rand.Rand) grpctest.StreamHandler {
	var mu sync.Mutex
	return func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		mu.Lock()
		header, messages, fails, delay := r.IntN(3) == 0, r.IntN(4), r.IntN(3) > 0, time.Duration(r.IntN(3))*time.Second
		mu.Unlock()
		if got := string(in.GetPayload().GetBody()); got != "as sent" {
			return status.Errorf(grpccodes.InvalidArgument, "attempt %d was sent %q", n, got)
		}
		grpctest.Snooze(out.Context(), delay)
		if err := out.SetHeader(metadata.Pairs("attempt", grpctest.Tag(n, 0))); err != nil {
			return err
		}
		if header {
			if err := out.SendHeader(nil); err != nil {
				return err
			}
			grpctest.Snooze(out.Context(), delay)
		}
		if fails && n < 4 {
			messages = min(messages, 1) * messages / 2
		}
		for i := range messages {
			if err := out.Send(grpctest.Chunk(grpctest.Tag(n, i))); err != nil {
				return err
			}
		}
		if fails {
			return grpctest.ErrOverloaded
		}
		return nil
	}
}

// TestStream_everythingAtOnce reads, looks at the header, sends and cancels
// from goroutines of their own while attempts fail.
func TestStream_everythingAtOnce(t *testing.T) {
	for round := range 300 {
		seed := grpctest.Seed(t, round)
		ok := t.Run("", func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, seed))                                    //nolint:gosec // a test has to be repeatable, not secret
			s := &grpctest.Server{Stream: capricious(rand.New(rand.NewPCG(seed, 1)))} //nolint:gosec // likewise
			var l grpctest.Ledger
			var ends atomic.Int32
			observer := interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				if e.Outcome != interceptor.Pending {
					ends.Add(1)
				}
			})
			u := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), observer}, Dial: []grpc.DialOption{grpc.WithStatsHandler(&l)}}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) { allAtOnce(t, r, s, conn) })
			if got := ends.Load(); got != 1 {
				t.Errorf("the call was told to have ended %d times, want once", got)
			}
			if begun, ended := l.Counts(); begun != ended {
				t.Errorf("%d attempts have begun and %d ended", begun, ended)
			}
		})
		if !ok {
			t.Fatalf("run again with -seed=%d", seed)
		}
	}
}

// allAtOnce makes one stream and uses it from everywhere.
func allAtOnce(t *testing.T, r *rand.Rand, s *grpctest.Server, conn *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var f grpctest.Finishes
	stream, err := conn.NewStream(ctx, grpctest.ServerStream, grpctest.StreamMethod, f.Option())
	if err != nil {
		t.Fatal(err)
	}
	headers, cancelled := r.IntN(4) > 0, r.IntN(4) == 0
	pauses := [4]time.Duration{}
	for i := range pauses {
		pauses[i] = time.Duration(r.IntN(4)) * time.Second * time.Duration(r.IntN(2))
	}
	var got grpctest.Shown
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(pauses[0])
		got.Bodies, got.Err = grpctest.Drain(stream)
	})
	wg.Go(func() {
		time.Sleep(pauses[1])
		if err := stream.SendMsg(grpctest.Ask("as sent")); err != nil && ctx.Err() == nil {
			t.Errorf("SendMsg: %v", err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Errorf("CloseSend: %v", err)
		}
		_ = stream.Context()
	})
	if headers {
		wg.Go(func() {
			time.Sleep(pauses[2])
			var err error
			if got.Header, err = stream.Header(); err != nil {
				t.Errorf("Header: %v", err)
			}
		})
	}
	if cancelled {
		wg.Go(func() {
			time.Sleep(pauses[3] * 2)
			cancel()
		})
	}
	wg.Wait()
	got.WantOfOneAttempt(t)
	if code := status.Code(got.Err); code != grpccodes.OK && code != grpccodes.Unavailable && (code != grpccodes.Canceled || !cancelled) {
		t.Errorf("the stream ended with %v", got.Err)
	}
	if n := s.Attempts(); n > 4 {
		t.Errorf("%d attempts, want 4 at most", n)
	}
	_ = stream.Trailer()
	if _, again := grpctest.Drain(stream); again != got.Err { //nolint:errorlint // the same one
		t.Errorf("RecvMsg after the end: %v, want %v", again, got.Err)
	}
	cancel()
	synctest.Wait()
	errs := f.All()
	if len(errs) != 1 {
		t.Fatalf("OnFinish was called with %v, want once", errs)
	}
	// A cancellation may overtake a status that has arrived and was not read.
	if code := status.Code(errs[0]); code != status.Code(got.Err) && (code != grpccodes.Canceled || !cancelled) {
		t.Errorf("OnFinish was called with %v, want %v", errs[0], got.Err)
	}
}

// TestStream_othersDoNotWaitForTheClock: while RecvMsg waits for the next
// attempt, what is called meanwhile must not keep a bubble's clock from
// moving.
func TestStream_othersDoNotWaitForTheClock(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded}, "one")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		var wg sync.WaitGroup
		wg.Go(func() { grpctest.WantBody(t, stream, "one") })
		synctest.Wait() // it waits now
		wg.Go(func() { _, _ = stream.Header() })
		wg.Go(func() { _ = stream.CloseSend() })
		wg.Wait()
		grpctest.WantGaps(t, s, grpctest.OverloadedWaits[:2]...)
	})
}

// TestStream_answerBeforeTheRequestIsRead: a server may answer before it has
// read a large request, and wait for the client to take the answer.
func TestStream_answerBeforeTheRequestIsRead(t *testing.T) {
	taken := make(chan struct{})
	handle := func(_ int, stream grpc.ServerStream) error {
		if err := stream.SendMsg(grpctest.Chunk("early")); err != nil {
			return err
		}
		select {
		case <-taken:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
		var in testpb.StreamingOutputCallRequest
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		return stream.SendMsg(grpctest.Chunk("late"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := grpctest.ServeRaw(t, handle, interceptor.DialOptions()).NewStream(ctx, grpctest.ServerStream, grpctest.StreamMethod)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := stream.SendMsg(request(t, 3<<20)); err != nil { // more than the windows hold
			t.Errorf("SendMsg: %v", err)
		}
	})
	defer wg.Wait()
	grpctest.WantBody(t, stream, "early")
	close(taken)
	grpctest.WantBody(t, stream, "late")
	grpctest.WantEOF(t, stream)
}
