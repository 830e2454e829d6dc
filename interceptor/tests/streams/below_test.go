package streams_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// These tests have other streams below than grpc's: interceptors on the right
// wrap them, and may do what grpc's own would not.

// outcome is what a streamer returns.
type outcome struct {
	stream *grpctest.Fake
	err    error
}

// openFakes opens a stream whose attempts are these.
func openFakes(t *testing.T, attempts []outcome, opts ...grpc.CallOption) (stream grpc.ClientStream, count func() int) {
	t.Helper()
	n := 0
	intercept := interceptor.New(interceptor.Repeatable(), interceptor.WithRand(func() float64 { return 0 })).Stream()
	stream, err := intercept(t.Context(), grpctest.ServerStream, nil, "/a.B/C", func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
		if n == len(attempts) {
			t.Fatalf("attempt %d, want %d at most", n+1, len(attempts))
		}
		a := attempts[n]
		n++
		if a.stream == nil {
			return nil, a.err
		}
		a.stream.Ctx = ctx
		return a.stream, a.err
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return stream, func() int { return n }
}

func failRecv(err error) func(any) error { return func(any) error { return err } }

func TestStream_sendOnAnAttemptThatReportsEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := func() outcome {
			return outcome{stream: &grpctest.Fake{OnSend: failRecv(io.EOF), OnRecv: failRecv(grpctest.ErrOverloaded)}}
		}
		stream, count := openFakes(t, []outcome{broken(), broken(), {stream: &grpctest.Fake{}}})
		if err := stream.SendMsg(grpctest.Ask("")); err != nil {
			t.Errorf("SendMsg: %v, want nil: RecvMsg finds out", err)
		}
		if err := stream.RecvMsg(nil); err != nil || count() != 3 {
			t.Errorf("RecvMsg: %v after %d attempts, want the third to deliver", err, count())
		}
	})
}

// TestStream_attemptThatRefusesTheReplay: what happens to the request when it
// is sent again is a failure of that attempt.
func TestStream_attemptThatRefusesTheReplay(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	t.Run("for now", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stream, count := openFakes(t, []outcome{
				{stream: &grpctest.Fake{OnRecv: failRecv(grpctest.ErrOverloaded)}}, {stream: &grpctest.Fake{OnSend: failRecv(grpctest.ErrOverloaded)}}, {stream: &grpctest.Fake{}},
			})
			_ = stream.SendMsg(grpctest.Ask(""))
			if err := stream.RecvMsg(nil); err != nil || count() != 3 {
				t.Errorf("RecvMsg: %v after %d attempts, want the third to deliver", err, count())
			}
		})
	})
	t.Run("for good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			refusing := &grpctest.Fake{OnSend: failRecv(errDenied)}
			stream, count := openFakes(t, []outcome{{stream: &grpctest.Fake{OnRecv: failRecv(grpctest.ErrOverloaded)}}, {stream: refusing}})
			_ = stream.SendMsg(grpctest.Ask(""))
			retrytest.WantStatus(t, stream.RecvMsg(nil), grpccodes.PermissionDenied, "no")
			if count() != 2 || refusing.Ctx.Err() == nil {
				t.Errorf("%d attempts, want 2, and the context of the second to be done", count())
			}
		})
	})
}

// TestStream_streamBesideAnError: an interceptor may return both, a nil
// pointer in an interface above all. There was no stream then.
func TestStream_streamBesideAnError(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	synctest.Test(t, func(t *testing.T) {
		stream, _ := openFakes(t, []outcome{
			{stream: &grpctest.Fake{OnRecv: failRecv(grpctest.ErrOverloaded), Trailing: metadata.Pairs("attempt", "1")}},
			{stream: &grpctest.Fake{Trailing: metadata.Pairs("attempt", "2")}, err: errDenied},
		})
		retrytest.WantStatus(t, stream.RecvMsg(nil), grpccodes.PermissionDenied, "no")
		if got := stream.Trailer(); got != nil {
			t.Errorf("Trailer: %v, want none", got)
		}
	})
}

// TestStream_headerThatFails: grpc's own Header returns no error but that of
// RecvMsg; another's may.
func TestStream_headerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := &grpctest.Fake{OnHeader: func() (metadata.MD, error) { return nil, grpctest.ErrOverloaded }}
		stream, count := openFakes(t, []outcome{{stream: fails}, {stream: &grpctest.Fake{}}})
		if md, err := stream.Header(); md == nil || err != nil || count() != 2 {
			t.Errorf("Header: %v, %v after %d attempts, want that of the second", md, err, count())
		}
	})
}

// TestStream_messageBehindNoHeader cannot be with grpc. A message that was
// taken to find the status is lost, and must not be followed by a retry.
func TestStream_messageBehindNoHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		odd := &grpctest.Fake{OnHeader: func() (metadata.MD, error) { return nil, nil }, OnRecv: func(any) error {
			if n++; n > 1 {
				return grpctest.ErrOverloaded
			}
			return nil
		}}
		stream, count := openFakes(t, []outcome{{stream: odd}, {stream: &grpctest.Fake{}}})
		if md, err := stream.Header(); md != nil || err != nil {
			t.Errorf("Header: %v, %v, want neither", md, err)
		}
		if err := stream.RecvMsg(nil); err != grpctest.ErrOverloaded || count() != 1 { //nolint:errorlint // untouched
			t.Errorf("RecvMsg: %v after %d attempts, want the failure of the only one", err, count())
		}
	})
}

func TestStream_onFinishOfARefusedRequest(t *testing.T) {
	t.Run("by grpc", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			var f grpctest.Finishes
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod, grpc.MaxCallSendMsgSize(10), f.Option())
			if err != nil {
				t.Fatal(err)
			}
			err = stream.SendMsg(grpctest.Ask("more than ten bytes"))
			if got := f.All(); len(got) != 1 || got[0] != err { //nolint:errorlint // the same one
				t.Errorf("OnFinish was called with %v, want once with %v", got, err)
			}
		})
	})
	t.Run("by an interceptor on the right", func(t *testing.T) {
		var f grpctest.Finishes
		stream, _ := openFakes(t, []outcome{{stream: &grpctest.Fake{OnSend: failRecv(status.Error(grpccodes.InvalidArgument, "wrong"))}}}, f.Option())
		err := stream.SendMsg(grpctest.Ask(""))
		if got := f.All(); len(got) != 1 || got[0] != err || err == nil { //nolint:errorlint // the same one
			t.Errorf("OnFinish was called with %v, want once with %v", got, err)
		}
	})
}
