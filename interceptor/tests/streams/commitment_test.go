package streams_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// inTime runs f, and fails the test if it does not return: it waits for a lock
// then. It is of no use in a bubble, whose clock stands still meanwhile.
func inTime(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not return", what)
	}
}

// commitments are the ways to commit a stream.
func commitments() map[string]func(grpc.ClientStream) error {
	return map[string]func(grpc.ClientStream) error{
		"a message": func(stream grpc.ClientStream) error { return stream.RecvMsg(&testpb.StreamingOutputCallResponse{}) },
		"a header": func(stream grpc.ClientStream) error {
			_, err := stream.Header()
			return err
		},
	}
}

// TestStream_observerOfTheCommitmentMayAskTheStream: it is told without a
// lock held, so that what it calls cannot wait for one.
func TestStream_observerOfTheCommitmentMayAskTheStream(t *testing.T) {
	for name, commit := range commitments() {
		t.Run(name, func(t *testing.T) {
			var stream grpc.ClientStream
			told := 0
			s := &grpctest.Server{Stream: grpctest.Hang(1, 1)}
			conn := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				if e.Decision.Why == policy.Success {
					told++
					_ = stream.Trailer()
					if stream.Context() == nil {
						t.Error("Context: nil")
					}
				}
			})}}.Connect(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream = grpctest.Open(t, ctx, conn)
			inTime(t, "what commits the stream", func() {
				if err := commit(stream); err != nil {
					t.Error(err)
				}
			})
			if told != 1 {
				t.Errorf("the observer was told %d times, want once", told)
			}
		})
	}
}

// TestStream_aPanicAtTheCommitmentLeavesAUsableStream: the stream is committed
// before anyone is told, and no lock is held meanwhile.
func TestStream_aPanicAtTheCommitmentLeavesAUsableStream(t *testing.T) {
	for name, commit := range commitments() {
		t.Run(name, func(t *testing.T) {
			told := 0
			s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one", "two")}
			conn := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				if e.Outcome == interceptor.Pending && e.Decision.Why == policy.Success {
					if told++; told == 1 {
						panic(errors.New("observer"))
					}
				}
			})}}.Connect(t, s)
			stream := grpctest.Open(t, t.Context(), conn)
			if got := grpctest.MustPanic(t, func() { _ = commit(stream) }); got != "observer" {
				t.Errorf("got panic %q", got)
			}
			inTime(t, "the stream", func() {
				if md, err := stream.Header(); md == nil || err != nil {
					t.Errorf("Header: %v, %v", md, err)
				}
				if err := stream.CloseSend(); err != nil {
					t.Errorf("CloseSend: %v", err)
				}
				bodies, err := grpctest.Drain(stream)
				if len(bodies) == 0 || bodies[len(bodies)-1] != "two" || err != nil {
					t.Errorf("got %q, %v, want the messages that were left", bodies, err)
				}
				_, _ = stream.Context(), stream.Trailer()
			})
			grpctest.WantAttempts(t, s, 2)
			if told != 1 {
				t.Errorf("the observer was told %d times, want once", told)
			}
		})
	}
}

func TestStream_retriesUntilTheFirstMessage(t *testing.T) {
	s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if string(in.GetPayload().GetBody()) != "as sent" {
			return status.Errorf(grpccodes.InvalidArgument, "attempt %d was sent %q", n, in.GetPayload().GetBody())
		}
		if n <= 2 {
			return status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
		}
		return out.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte("one")}})
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		request := &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte("as sent")}}
		stream, err := client.StreamingOutputCall(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		request.Payload.Body = []byte("changed later")
		m, err := stream.Recv()
		if err != nil || string(m.GetPayload().GetBody()) != "one" {
			t.Fatalf("got %v, %v, want a message", m, err)
		}
		want := []time.Duration{2 * time.Second, 4 * time.Second}
		if diff := cmp.Diff(want, s.Gaps()); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		if _, err := stream.Recv(); err == nil || err.Error() != "EOF" {
			t.Errorf("got %v, want EOF", err)
		}
	}, interceptor.Repeatable())
}
