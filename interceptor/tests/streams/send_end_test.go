package streams_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestAllKinds_afterIOEOFThereIsNoRetry: where the cause cannot be looked for
// without losing an answer, the caller is told, and may stop sending: what it has
// sent so far must not be taken for all.
func TestAllKinds_afterIOEOFThereIsNoRetry(t *testing.T) {
	for _, desc := range []grpc.StreamDesc{clientStreamDesc, bidiStreamDesc} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
				if attempts = n; n == 1 {
					_ = stream.RecvMsg(grpctest.Ask(""))
					_ = stream.SendHeader(grpctest.OddHeader()) // a reply may be there, of a codec of the caller's own
					return grpctest.ErrOverloaded
				}
				return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
			}, retrytest.DialOptions(interceptor.Repeatable()))
			stream, err := conn.NewStream(t.Context(), &desc, "/test.Raw/Call", grpc.CallContentSubtype("proto"))
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				err = stream.SendMsg(grpctest.Ask("x"))
				synctest.Wait()
			}
			if !errors.Is(err, io.EOF) {
				t.Fatalf("SendMsg: %v, want io.EOF", err)
			}
			_ = stream.CloseSend()
			if _, err := grpctest.Receive(stream); status.Code(err) != grpccodes.Unavailable || attempts != 1 {
				t.Errorf("got %v after %d attempts, want the failure of the only one", err, attempts)
			}
		})
	}
}

// TestAllKinds_theOnlyReplyIsTheEnd: of a stream with one reply the call has
// ended with it, however it was committed.
func TestAllKinds_theOnlyReplyIsTheEnd(t *testing.T) {
	for name, early := range map[string]bool{"committed by the reply": false, "committed by the header": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
					_ = stream.SendHeader(grpctest.OddHeader())
					return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
				}, retrytest.DialOptions(interceptor.WithObserver(w.Observe)))
				stream := grpctest.OpenRaw(t, conn, clientStreamDesc)
				_ = stream.SendMsg(grpctest.Ask("x"))
				_ = stream.CloseSend()
				if early {
					_, _ = stream.Header()
				}
				grpctest.WantBody(t, stream, "x")
				if last := w.Last(); last.Outcome != interceptor.FirstTry || len(w.Events) != 2 {
					t.Errorf("%d events, the last %v, want that of the attempt and that of the call", len(w.Events), last.Outcome)
				}
				grpctest.WantEOF(t, stream)
				if len(w.Events) != 2 {
					t.Errorf("%d events after the end, want no more", len(w.Events))
				}
			})
		})
	}
}
