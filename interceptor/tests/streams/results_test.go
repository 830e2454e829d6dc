package streams_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// chronicle keeps the events of a call.
type chronicle struct {
	mu     sync.Mutex
	events []interceptor.Event
}

func (c *chronicle) observe(_ context.Context, e interceptor.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

// TestStream_resultsPastTheBuffer: a stream is retried, and then sends more than is kept.
// What it returns, the events and the options for its results tell of the same end, that of
// the last attempt.
func TestStream_resultsPastTheBuffer(t *testing.T) {
	for name, tt := range map[string]struct {
		failures int  // attempts that fail before the stream is past its buffer
		replies  bool // the last attempt
		fails    bool // likewise
		header   bool // the caller asks for it
	}{
		"at once, it ends well":                     {replies: true},
		"at once, it fails":                         {fails: true},
		"after a retry, it ends well":               {failures: 1, replies: true},
		"after a retry, it ends well and empty":     {failures: 1},
		"after a retry, it fails":                   {failures: 1, fails: true},
		"after a retry, it fails, Header first":     {failures: 1, fails: true, header: true},
		"after a retry, it fails after a reply":     {failures: 1, replies: true, fails: true},
		"after two retries, it fails after a reply": {failures: 2, replies: true, fails: true, header: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handle := func(n int, stream grpc.ServerStream) error {
					number := strconv.Itoa(n)
					stream.SetTrailer(metadata.Pairs("attempt", number))
					var in testpb.StreamingOutputCallRequest
					if err := stream.RecvMsg(&in); err != nil {
						return err
					}
					if n <= tt.failures {
						return grpctest.ErrOverloaded
					}
					for len(in.GetPayload().GetBody()) < 1000 { // the large one
						if err := stream.RecvMsg(&in); err != nil {
							return err
						}
					}
					_ = stream.SetHeader(metadata.Pairs("attempt", number))
					if tt.replies {
						if err := stream.SendMsg(grpctest.Chunk("one")); err != nil {
							return err
						}
					}
					if tt.fails {
						return grpctest.ErrOverloaded
					}
					return nil
				}
				var log chronicle
				var finish grpctest.Finishes
				var header, trailer metadata.MD
				var from peer.Peer
				conn := grpctest.ServeRaw(t, handle, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithReplayBuffer(500), interceptor.WithObserver(log.observe)))
				stream := grpctest.OpenRaw(t, conn, bidiStreamDesc, finish.Option(), grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
				for range tt.failures + 1 { // each finds the attempt broken, and the stream is retried
					if err := stream.SendMsg(grpctest.Ask("a")); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				if err := stream.SendMsg(grpctest.Ask(string(make([]byte, 1000)))); err != nil {
					t.Fatal(err)
				}
				_ = stream.CloseSend()
				last := tt.failures + 1
				want := strconv.Itoa(last)
				if tt.header {
					if md, err := stream.Header(); err != nil || (md != nil && md["attempt"][0] != want) {
						t.Errorf("Header: %v, %v, want that of attempt %d or none", md, err, last)
					}
				}
				bodies, err := grpctest.Drain(stream)
				synctest.Wait()
				if (err != nil) != tt.fails || (len(bodies) == 1) != tt.replies {
					t.Fatalf("got %q, %v", bodies, err)
				}

				ended := finish.All()
				if len(ended) != 1 || status.Code(ended[0]) != status.Code(err) || status.Convert(ended[0]).Message() != serverMessage(err) {
					t.Errorf("OnFinish was called with %v, want once with the status of %v", ended, err)
				}
				if got := trailer["attempt"]; !slices.Equal(got, []string{want}) {
					t.Errorf("the trailer is %v, want that of attempt %d", got, last)
				}
				if got := stream.Trailer()["attempt"]; !slices.Equal(got, []string{want}) {
					t.Errorf("Trailer returns %v, want that of attempt %d", got, last)
				}
				if got := header["attempt"]; tt.replies && !slices.Equal(got, []string{want}) {
					t.Errorf("the header is %v, want that of attempt %d", got, last)
				}
				if from.Addr == nil {
					t.Error("there is no peer")
				}
				wantOneStory(t, log.events, err, last, tt.replies)
			})
		})
	}
}

// serverMessage returns the message of the server in a final error.
func serverMessage(err error) string {
	if final, ok := errors.AsType[*interceptor.Error](err); ok {
		return final.GRPCStatus().Message()
	}
	return status.Convert(err).Message()
}

// wantOneStory fails the test unless the events tell of so many attempts, in their order, of
// which the last one has replied or not, and of the end that the call has returned.
func wantOneStory(t *testing.T, events []interceptor.Event, err error, attempts int, replied bool) {
	t.Helper()
	if len(events) != attempts+1 {
		t.Fatalf("told of %d events, want %d attempts and the end: %+v", len(events), attempts, events)
	}
	for i, e := range events[:attempts] {
		failed := i < attempts-1 || (err != nil && !replied)
		if e.Attempt != i+1 || e.Outcome != interceptor.Pending || (e.Err != nil) != failed {
			t.Errorf("event %d tells of attempt %d, %v, and the outcome %v: want attempt %d, and that it has failed: %v", i, e.Attempt, e.Err, e.Outcome, i+1, failed)
		}
	}
	end := events[attempts]
	want := interceptor.FirstTry
	switch {
	case err != nil && attempts > 1:
		want = interceptor.Exhausted
	case err != nil:
		want = interceptor.NotRetried
	case attempts > 1:
		want = interceptor.Recovered
	}
	if end.Outcome != want || end.Attempt != attempts {
		t.Errorf("the end is %v after %d attempts, want %v after %d", end.Outcome, end.Attempt, want, attempts)
	}
	switch {
	case err == nil && end.Err != nil && !errors.Is(end.Err, io.EOF):
		t.Errorf("the end is told with %v, want none", end.Err)
	case err != nil && (end.Err != err || end.Decision.Why != policy.Committed): //nolint:errorlint // the same one
		t.Errorf("the end is told with %v, %v, want %v, because the stream was committed", end.Err, end.Decision.Why, err)
	}
	final, ok := errors.AsType[*interceptor.Error](err)
	if attempts > 1 && err != nil && (!ok || len(final.Attempts) != attempts || final.Why != policy.Committed) {
		t.Errorf("got %#v, want an *Error of %d attempts, committed", err, attempts)
	}
}
