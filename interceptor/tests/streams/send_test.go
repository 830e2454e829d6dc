package streams_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

var (
	clientStreamDesc = grpc.StreamDesc{ClientStreams: true}
	bidiStreamDesc   = grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
)

// TestAllKinds_clientThatOnlySends learns that its server has gone, or does not
// notice that it was replaced; and after it was told, what it has sent so far is
// never taken for all that it meant to send.
func TestAllKinds_clientThatOnlySends(t *testing.T) {
	denied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name     string
		fault    error
		failures int // of attempts, each after its second message
		early    bool
		opts     []interceptor.Option
		complete bool
		attempts int
	}{
		{"replaced", grpctest.ErrOverloaded, 2, false, nil, true, 3},
		{"gone", grpctest.ErrOverloaded, 99, false, nil, false, 4},
		{"refused", denied, 99, false, nil, false, 1},
		{"replaced, with an early header", grpctest.ErrOverloaded, 2, true, nil, true, 3},
		{"past the buffer", grpctest.ErrOverloaded, 1, false, []interceptor.Option{interceptor.WithReplayBuffer(10)}, false, 1},
	} {
		for _, desc := range []grpc.StreamDesc{clientStreamDesc, bidiStreamDesc} {
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					attempts, completed := 0, ""
					conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
						attempts = n
						if tt.early {
							_ = stream.SendHeader(grpctest.OddHeader())
						}
						if n <= tt.failures {
							_, _ = stream.RecvMsg(grpctest.Ask("")), stream.RecvMsg(grpctest.Ask(""))
							return tt.fault
						}
						completed = grpctest.ReadAll(stream)
						return stream.SendMsg(grpctest.Chunk(completed))
					}, retrytest.DialOptions(append(tt.opts, interceptor.Repeatable())...))
					stream := grpctest.OpenRaw(t, conn, desc)
					sent := 0
					var err error
					for range 20 {
						if err = stream.SendMsg(grpctest.Ask("x")); err != nil {
							break
						}
						sent++
						time.Sleep(time.Second)
					}
					if tt.complete != (err == nil) {
						t.Fatalf("SendMsg: %v after %d messages", err, sent)
					}
					if err != nil && (err != io.EOF || sent > 5) { //nolint:errorlint // what grpc returns is io.EOF itself
						t.Errorf("SendMsg: %v after %d messages, want io.EOF after the second or so", err, sent)
					}
					_ = stream.CloseSend()
					body, err := grpctest.Receive(stream)
					if tt.complete {
						if want := strings.TrimSuffix(strings.Repeat("x, ", 20), ", "); err != nil || body != want {
							t.Errorf("got %q, %v, want all twenty", body, err)
						}
					} else if status.Code(err) != status.Code(tt.fault) || completed != "" {
						t.Errorf("got %v, and the server has %q, want %v and nothing", err, completed, tt.fault)
					}
					if attempts != tt.attempts {
						t.Errorf("%d attempts, want %d", attempts, tt.attempts)
					}
				})
			})
		}
	}
}

// TestAllKinds_answerBeforeTheEnd: the server knows enough, and the client is
// still sending.
func TestAllKinds_answerBeforeTheEnd(t *testing.T) {
	for _, desc := range []grpc.StreamDesc{clientStreamDesc, bidiStreamDesc} {
		synctest.Test(t, func(t *testing.T) {
			conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
				_ = stream.RecvMsg(grpctest.Ask(""))
				return stream.SendMsg(grpctest.Chunk("enough"))
			}, retrytest.DialOptions(interceptor.Repeatable()))
			stream := grpctest.OpenRaw(t, conn, desc)
			told := false
			for range 5 {
				told = told || errors.Is(stream.SendMsg(grpctest.Ask("x")), io.EOF)
				synctest.Wait()
			}
			if !told {
				t.Error("SendMsg has not told that the stream is over")
			}
			grpctest.WantBody(t, stream, "enough")
			grpctest.WantEOF(t, stream)
		})
	}
}

// TestAllKinds_replayOfMoreThanAServerTakesUnread: a server that echoes stops
// reading when no one reads from it. What is replayed must not wait for it.
func TestAllKinds_replayOfMoreThanAServerTakesUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, size = 60, 10_000
		conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
			if n == 1 {
				grpctest.ReadAll(stream)
				return grpctest.ErrOverloaded
			}
			for {
				in := grpctest.Ask("")
				if err := stream.RecvMsg(in); err != nil {
					return nil //nolint:nilerr // that was the last
				}
				if err := stream.SendMsg(grpctest.Chunk(string(in.GetPayload().GetBody()))); err != nil {
					return err
				}
			}
		}, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithReplayBuffer(1<<20)))
		stream := grpctest.OpenRaw(t, conn, bidiStreamDesc)
		for i := range messages {
			if err := stream.SendMsg(grpctest.Ask(strings.Repeat(string(rune('a'+i)), size))); err != nil {
				t.Fatal(err)
			}
		}
		_ = stream.CloseSend()
		for i := range messages {
			grpctest.WantBody(t, stream, strings.Repeat(string(rune('a'+i)), size))
		}
		grpctest.WantEOF(t, stream)
	})
}

// TestAllKinds_attemptThatLivesOnBelow: an interceptor on the right fails an
// attempt that goes on below. It is ended before the next one begins.
func TestAllKinds_attemptThatLivesOnBelow(t *testing.T) {
	for _, kind := range grpctest.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended, next time.Time
				right := func(dial []grpc.DialOption) []grpc.DialOption {
					return append(dial, grpc.WithChainStreamInterceptor(grpctest.FailingOnce(grpctest.ErrOverloaded)))
				}
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					if n == 1 {
						<-stream.Context().Done()
						ended = time.Now()
						return nil
					}
					next = time.Now()
					return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
				}, right(retrytest.DialOptions(interceptor.Repeatable())))
				stream := grpctest.OpenRaw(t, conn, kind.Desc)
				_ = stream.SendMsg(grpctest.Ask("a"))
				_ = stream.CloseSend()
				grpctest.WantBody(t, stream, "a")
				if ended.IsZero() || next.Sub(ended) != 2*time.Second {
					t.Errorf("the attempt was ended %v before the next began, want 2s", next.Sub(ended))
				}
			})
		})
	}
}
