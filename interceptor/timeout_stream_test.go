package interceptor_test

import (
	"context"
	"io"
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
)

// TestAttemptTimeout_streams: the first attempt is silent once it is its turn.
func TestAttemptTimeout_streams(t *testing.T) {
	for _, kind := range grpctest.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended, attempts := make(chan time.Time, 1), 0
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					if attempts = n; n == 1 {
						<-stream.Context().Done()
						ended <- time.Now()
						return nil
					}
					return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
				}, retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(retrytest.EarnedBudget(t, 1))))
				began := time.Now()
				stream := grpctest.OpenRaw(t, conn, kind.Desc)
				if err := stream.SendMsg(grpctest.Ask("a")); err != nil {
					t.Fatal(err)
				}
				if err := stream.CloseSend(); err != nil {
					t.Fatal(err)
				}
				grpctest.WantBody(t, stream, "a")
				if at := (<-ended).Sub(began); at != 3*time.Second {
					t.Errorf("the silent attempt was ended after %v, want 3s", at)
				}
				if got := time.Since(began); got != 4*time.Second || attempts != 2 {
					t.Errorf("%d attempts in %v, want 2 in 4s", attempts, got)
				}
			})
		})
	}
}

// TestAttemptTimeout_healthyStreams: whoever is slow, as long as it is not the
// server's turn to say its first word.
func TestAttemptTimeout_healthyStreams(t *testing.T) {
	slow := func() { time.Sleep(time.Hour) }
	talk := func(_ int, stream grpc.ServerStream) error {
		for {
			in := grpctest.Ask("")
			if err := stream.RecvMsg(in); err != nil {
				return nil //nolint:nilerr // that was the last
			}
			if err := stream.SendMsg(grpctest.Chunk(string(in.GetPayload().GetBody()))); err != nil {
				return err
			}
			slow()
		}
	}
	t.Run("a server stream of hours, and a slow reader", func(t *testing.T) {
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			for _, body := range []string{"one", "two", "three"} {
				if err := grpctest.SendAll(out, body); err != nil {
					return err
				}
				slow()
			}
			return nil
		}}
		retrytest.Setup{Options: []interceptor.Option{interceptor.WithAttemptTimeout(3 * time.Second)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			grpctest.WantBody(t, stream, "one")
			slow()
			grpctest.WantBody(t, stream, "two")
			grpctest.WantBody(t, stream, "three")
			grpctest.WantEOF(t, stream)
		})
	})
	for name, use := range map[string]func(t *testing.T, stream grpc.ClientStream){
		"a client that thinks before it speaks": func(t *testing.T, stream grpc.ClientStream) {
			t.Helper()
			slow()
			_ = stream.SendMsg(grpctest.Ask("a"))
			grpctest.WantBody(t, stream, "a")
		},
		"a conversation of hours": func(t *testing.T, stream grpc.ClientStream) {
			t.Helper()
			for _, body := range []string{"a", "b", "c"} {
				_ = stream.SendMsg(grpctest.Ask(body))
				grpctest.WantBody(t, stream, body)
				slow()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := grpctest.ServeRaw(t, talk, retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second)))
				stream := grpctest.OpenRaw(t, conn, grpc.StreamDesc{ClientStreams: true, ServerStreams: true})
				use(t, stream)
				_ = stream.CloseSend()
				grpctest.WantEOF(t, stream)
			})
		})
	}
	t.Run("an upload of hours", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
				return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
			},
				retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second)))
			stream := grpctest.OpenRaw(t, conn, grpc.StreamDesc{ClientStreams: true})
			for _, body := range []string{"a", "b", "c"} {
				slow()
				if err := stream.SendMsg(grpctest.Ask(body)); err != nil {
					t.Fatal(err)
				}
			}
			slow()
			_ = stream.CloseSend()
			grpctest.WantBody(t, stream, "a, b, c")
		})
	})
}

// TestAttemptTimeout_afterTheHeader: the header is not the first message, and
// once it was shown there is no retry.
func TestAttemptTimeout_afterTheHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
			_ = stream.SendHeader(grpctest.OddHeader())
			<-stream.Context().Done()
			return nil
		}, retrytest.DialOptions(interceptor.WithAttemptTimeout(3*time.Second), interceptor.Repeatable(), interceptor.WithBudget(retrytest.EarnedBudget(t, 9))))
		stream := grpctest.OpenRaw(t, conn, grpc.StreamDesc{ServerStreams: true})
		_ = stream.SendMsg(grpctest.Ask("a"))
		if md, err := stream.Header(); md == nil || err != nil {
			t.Fatalf("Header: %v, %v", md, err)
		}
		began := time.Now()
		err := stream.RecvMsg(grpctest.Chunk(""))
		if status.Code(err) != grpccodes.DeadlineExceeded || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %v, want DEADLINE_EXCEEDED after 3s", err, time.Since(began))
		}
		if again := stream.RecvMsg(grpctest.Chunk("")); again != err { //nolint:errorlint // the same one
			t.Errorf("again: %v, want the same", again)
		}
	})
}

// TestAttemptTimeout_leavesNothing: a bubble fails if a timer's goroutine or a
// context is left; and an attempt that has ended well is not ended again.
func TestAttemptTimeout_leavesNothing(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.ErrOverloaded), Stream: grpctest.FailFirst(nil, "one")}
	retrytest.Setup{Options: []interceptor.Option{interceptor.WithAttemptTimeout(time.Hour), interceptor.Repeatable()}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stream := grpctest.Open(t, ctx, conn)
		if err := stream.RecvMsg(grpctest.Chunk("")); err != nil && err != io.EOF { //nolint:errorlint // what grpc returns is io.EOF itself
			t.Error(err)
		}
		cancel()
		synctest.Wait()
	})
}
