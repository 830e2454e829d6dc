package gate_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestGate_streamPastTheBuffer: a stream that is too large to be retried tells the gate
// how it ended all the same.
func TestGate_streamPastTheBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, refused := range map[string]bool{"refused": true, "accepted": false} {
			var events gateEvents
			s := &grpctest.Server{
				Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute)),
				Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
					if refused {
						return grpctest.Hinted(time.Minute)
					}
					return nil
				},
			}
			oneKey := interceptor.WithGateKey(func(context.Context, string) string { return "k" })
			r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.WithReplayBuffer(10), interceptor.WithGateObserver(events.observe), oneKey)
			client := testpb.NewTestServiceClient(grpctest.Serve(t, s, r.DialOptions()...))
			_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.MaxRetries(0))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			stream, err := client.StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 100)}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			time.Sleep(100 * time.Millisecond)
			if n := r.Gates(); (n.Closed == 1) != refused {
				t.Errorf("%s: %+v after %v", name, n, err)
			}
			cancel()
			time.Sleep(10 * time.Minute)
			if got := events.states(); refused && len(got) != 2 {
				t.Errorf("%s: %v, want one closing and one reopening", name, got)
			}
		}
	})
}

// TestGate_streams: the first message of a stream opens as a reply does, and
// opening one waits.
func TestGate_streams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := time.Now().Add(10 * time.Second)
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if left := time.Until(open); left > 0 {
				return grpctest.Hinted(left)
			}
			return out.Send(&testpb.StreamingOutputCallResponse{})
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		ended, errs := inParallel(10, func(int) error {
			stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
			if err != nil {
				return err
			}
			if _, err = stream.Recv(); err != nil {
				return err
			}
			if _, err = stream.Recv(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil || s.Attempts() != 15 {
			t.Errorf("got %v and %d attempts, want 15: one refused, four scouts refused, and one for each call", err, s.Attempts())
		}
		if !slices.IsSortedFunc(ended, time.Time.Compare) {
			t.Error("the streams did not end in the order in which they came")
		}
	})
}
