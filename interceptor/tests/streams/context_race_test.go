package streams_test

import (
	"context"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// wantDone fails the test unless all contexts end soon.
func wantDone(t *testing.T, what string, ctxs ...context.Context) {
	t.Helper()
	late := time.NewTimer(5 * time.Second)
	defer late.Stop()
	for _, ctx := range ctxs {
		select {
		case <-ctx.Done():
		case <-late.C:
			t.Fatalf("%s: a context (%T) that Context has returned goes on after the end of the stream", what, ctx)
		}
	}
}

// wayToCommit commits a stream and reads it to its end.
type wayToCommit struct {
	name   string
	commit func(grpc.ClientStream)
}

var waysToCommit = []wayToCommit{
	{"by a message", func(stream grpc.ClientStream) { _, _ = grpctest.Receive(stream) }},
	{"by its header", func(stream grpc.ClientStream) { _, _ = stream.Header() }},
	{"by size", func(stream grpc.ClientStream) { _ = stream.SendMsg(grpctest.Ask(string(make([]byte, 1000)))) }},
}

// answersAndEnds answers the first message, and ends well or fails, in turns.
func answersAndEnds(n int, stream grpc.ServerStream) error {
	if err := stream.SendMsg(grpctest.Chunk("one")); err != nil {
		return err
	}
	grpctest.ReadAll(stream)
	if n%2 == 0 {
		return grpctest.ErrOverloaded
	}
	return nil
}

// TestStream_contextOfTheMomentOfCommitment: whichever context Context returns while
// the stream is being committed, it ends with the stream.
func TestStream_contextOfTheMomentOfCommitment(t *testing.T) {
	for _, way := range waysToCommit {
		t.Run(way.name, func(t *testing.T) {
			conn := grpctest.ServeRaw(t, answersAndEnds, retrytest.DialOptions(interceptor.WithReplayBuffer(500)))
			for range 500 {
				stream := grpctest.OpenRaw(t, conn, bidiStreamDesc)
				_ = stream.SendMsg(grpctest.Ask("a"))
				var got [3][]context.Context
				var ready, wg sync.WaitGroup
				over := make(chan struct{})
				for i := range got {
					ready.Add(1)
					wg.Go(func() {
						ready.Done()
						for {
							if ctx := stream.Context(); len(got[i]) == 0 || got[i][len(got[i])-1] != ctx {
								got[i] = append(got[i], ctx)
							}
							select {
							case <-over:
								return
							default:
								runtime.Gosched()
							}
						}
					})
				}
				ready.Wait()
				way.commit(stream)
				_ = stream.CloseSend()
				_, _ = grpctest.Drain(stream)
				close(over)
				wg.Wait()
				for _, ctxs := range got {
					wantDone(t, way.name, ctxs...)
				}
				wantDone(t, "after the end", stream.Context())
			}
		})
	}
}

// TestStream_contextOfACommittedStream: the same, with a clock that has Context called
// while the lock of the stream is held for its commitment.
func TestStream_contextOfACommittedStream(t *testing.T) {
	conn := grpctest.ServeRaw(t, answersAndEnds, nil)
	for range 100 {
		c := &retrytest.InterruptedClock{Fake: clock.NewFake(time.Now())}
		r := interceptor.New(interceptor.WithClock(c), interceptor.WithGate(policy.FleetGate())) // it asks for the time of a success
		open := func(ctx context.Context, desc *grpc.StreamDesc, _ *grpc.ClientConn, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return conn.NewStream(ctx, desc, method, opts...)
		}
		stream, err := r.Stream()(t.Context(), &bidiStreamDesc, nil, "/test.Raw/Call", open)
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.SendMsg(grpctest.Ask("a"))
		got := make(chan context.Context, 1)
		during := func() {
			go func() { got <- stream.Context() }()
			for range 100 {
				runtime.Gosched()
			}
		}
		c.Next.Store(&during)
		grpctest.WantBody(t, stream, "one")
		_ = stream.CloseSend()
		if c.Next.Load() != nil {
			t.Fatal("the clock was not asked during commitment")
		}
		if _, err = grpctest.Receive(stream); err == nil {
			t.Errorf("got a second message, want the end, %v or a failure", io.EOF)
		}
		wantDone(t, "during commitment", <-got)
	}
}
