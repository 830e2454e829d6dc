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
	"github.com/reinvoke/reinvoke/policy"
)

// TestAttemptTimeout_committedAfterIt: a message that does not fit into the buffer commits an
// attempt that has timed out already: the error is the timeout, not a cancellation.
func TestAttemptTimeout_committedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetWith(t, 1)
		conn := silentOnce(t, false, interceptor.WithBudget(b), interceptor.WithReplayBuffer(100))
		stream := streamOf(t, conn, grpc.StreamDesc{ClientStreams: true, ServerStreams: true})
		_ = stream.SendMsg(ask("a"))
		time.Sleep(4 * time.Second)
		_ = stream.SendMsg(ask(strings.Repeat("b", 1000)))
		if err := stream.RecvMsg(chunk("")); status.Code(err) != grpccodes.DeadlineExceeded {
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
				_ = stream.SendMsg(ask("a"))
				if md, err := stream.Header(); md == nil || err != nil {
					t.Fatalf("Header: %v, %v", md, err)
				}
				got := took(func() { err = stream.RecvMsg(chunk("")) })
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
					conn := silentOnce(t, true, interceptor.WithBudget(budgetWith(t, 1)))
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					stream, err := conn.NewStream(ctx, &kind, "/test.Raw/Call")
					if err != nil {
						t.Fatal(err)
					}
					_ = stream.SendMsg(ask("a"))
					if md, err := stream.Header(); md == nil || err != nil {
						t.Fatalf("Header: %v, %v", md, err)
					}
					_ = stream.SendMsg(ask("b"))
					if last == "CloseSend" {
						_ = stream.CloseSend()
					}
					got := took(func() { err = stream.RecvMsg(chunk("")) })
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
		s := &server{stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := out.Send(chunk("one")); err != nil {
				return err
			}
			<-out.Context().Done()
			return nil
		}}
		slow := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := streamer(ctx, desc, cc, method, opts...)
			return &slowReader{stream, 4 * time.Second}, err
		}
		b := budgetWith(t, 1)
		options := []interceptor.Option{interceptor.WithAttemptTimeout(3 * time.Second), interceptor.Repeatable(), interceptor.WithBudget(b)}
		stream := open(t, t.Context(), setup{options: options, right: []grpc.StreamClientInterceptor{slow}}.connect(t, s))
		wantBody(t, stream, "one")
		if _, err := receive(stream); status.Code(err) != grpccodes.DeadlineExceeded {
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
