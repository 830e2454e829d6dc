package interceptor_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestAttemptTimeout_committedAfterIt: a message that does not fit into the buffer commits an
// attempt that has timed out already: the error is the timeout, not a cancellation.
func TestAttemptTimeout_committedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retrytest.EarnedBudget(t, 1)
		conn := silentOnce(t, false, interceptor.WithBudget(b), interceptor.WithReplayBuffer(100))
		stream := grpctest.OpenRaw(t, conn, grpc.StreamDesc{ClientStreams: true, ServerStreams: true})
		_ = stream.SendMsg(grpctest.Ask("a"))
		time.Sleep(4 * time.Second)
		_ = stream.SendMsg(grpctest.Ask(strings.Repeat("b", 1000)))
		if err := stream.RecvMsg(grpctest.Chunk("")); status.Code(err) != grpccodes.DeadlineExceeded {
			t.Errorf("got %v, want DEADLINE_EXCEEDED of the attempt timeout", err)
		}
		wantEarned(t, b, 1)
	})
}

// TestAttemptTimeout_afterTheHeaderWithoutToken: once the header was shown there is no retry,
// so the attempt ends after its timeout, whatever the account holds.
func TestAttemptTimeout_afterTheHeaderWithoutToken(t *testing.T) {
	for name, deadline := range map[string]time.Duration{"no token": 0, "a deadline before the retry": 3500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := policy.NewBudget(policy.BudgetConfig{})
				if err != nil {
					t.Fatal(err)
				}
				conn := silentOnce(t, true, interceptor.WithBudget(b))
				ctx := t.Context()
				if deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, deadline)
					defer cancel()
				}
				stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/test.Raw/Call")
				if err != nil {
					t.Fatal(err)
				}
				_ = stream.SendMsg(grpctest.Ask("a"))
				if md, err := stream.Header(); md == nil || err != nil {
					t.Fatalf("Header: %v, %v", md, err)
				}
				got := grpctest.Took(func() { err = stream.RecvMsg(grpctest.Chunk("")) })
				if status.Code(err) != grpccodes.DeadlineExceeded || got != 3*time.Second {
					t.Errorf("got %v after %v, want DEADLINE_EXCEEDED after 3s", err, got)
				}
			})
		})
	}
}

// TestAttemptTimeout_headerBeforeTheTurn: the header comes before it is the server's turn to
// speak; the timeout runs once it is.
func TestAttemptTimeout_headerBeforeTheTurn(t *testing.T) {
	for name, kind := range map[string]grpc.StreamDesc{"client": {ClientStreams: true}, "bidi": {ClientStreams: true, ServerStreams: true}} {
		for _, last := range []string{"a message", "CloseSend"} {
			if name == "client" && last == "a message" {
				continue
			}
			t.Run(name+", "+last, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					conn := silentOnce(t, true, interceptor.WithBudget(retrytest.EarnedBudget(t, 1)))
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					stream, err := conn.NewStream(ctx, &kind, "/test.Raw/Call")
					if err != nil {
						t.Fatal(err)
					}
					_ = stream.SendMsg(grpctest.Ask("a"))
					if md, err := stream.Header(); md == nil || err != nil {
						t.Fatalf("Header: %v, %v", md, err)
					}
					_ = stream.SendMsg(grpctest.Ask("b"))
					if last == "CloseSend" {
						_ = stream.CloseSend()
					}
					got := grpctest.Took(func() { err = stream.RecvMsg(grpctest.Chunk("")) })
					if status.Code(err) != grpccodes.DeadlineExceeded || got != 3*time.Second {
						t.Errorf("got %v after %v, want DEADLINE_EXCEEDED after 3s", err, got)
					}
				})
			})
		}
	}
}

// TestAttemptTimeout_answerAfterIt: an interceptor on the right takes longer than the timeout
// over the first message: the later end is the timeout, not a cancellation.
func TestAttemptTimeout_answerAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := out.Send(grpctest.Chunk("one")); err != nil {
				return err
			}
			<-out.Context().Done()
			return nil
		}}
		slow := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := streamer(ctx, desc, cc, method, opts...)
			return &slowReader{stream, 4 * time.Second}, err
		}
		b := retrytest.EarnedBudget(t, 1)
		options := []interceptor.Option{interceptor.WithAttemptTimeout(3 * time.Second), interceptor.Repeatable(), interceptor.WithBudget(b)}
		stream := grpctest.Open(t, t.Context(), retrytest.Setup{Options: options, Right: []grpc.StreamClientInterceptor{slow}}.Connect(t, s))
		grpctest.WantBody(t, stream, "one")
		if _, err := grpctest.Receive(stream); status.Code(err) != grpccodes.DeadlineExceeded {
			t.Errorf("got %v, want DEADLINE_EXCEEDED of the attempt timeout", err)
		}
		wantEarned(t, b, 2) // of the answer
	})
}

// slowReader takes its time after each message.
type slowReader struct {
	grpc.ClientStream
	after time.Duration
}

func (s *slowReader) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		time.Sleep(s.after)
	}
	return err
}
