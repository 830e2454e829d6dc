package streams_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestStream_onFinish: what grpc calls after every attempt is meant for the
// call.
func TestStream_onFinish(t *testing.T) {
	overloaded := []error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	read := func(_ *testing.T, stream grpc.ClientStream, _ func(), _ *grpc.ClientConn) {
		_, _ = grpctest.Drain(stream)
	}
	for _, tt := range []struct {
		name   string
		handle grpctest.StreamHandler
		right  []error
		use    func(t *testing.T, stream grpc.ClientStream, cancel func(), conn *grpc.ClientConn)
		want   grpccodes.Code
	}{
		{name: "the first attempt succeeds", handle: grpctest.FailFirst(nil, "one"), use: read, want: grpccodes.OK},
		{name: "a retry succeeds", handle: grpctest.FailFirst(overloaded[:2], "one", "two"), use: read, want: grpccodes.OK},
		{name: "EOF at once", handle: grpctest.FailFirst(nil), use: read, want: grpccodes.OK},
		{name: "EOF after a retry", handle: grpctest.FailFirst(overloaded[:1]), use: read, want: grpccodes.OK},
		{name: "retried to the limit", handle: grpctest.FailFirst(overloaded), use: read, want: grpccodes.Unavailable},
		{name: "never retried", handle: grpctest.FailFirst([]error{errDenied}), use: read, want: grpccodes.PermissionDenied},
		{name: "NewStream fails once", handle: grpctest.FailFirst(nil, "one"), right: []error{grpctest.ErrUnreachable}, use: read, want: grpccodes.OK},
		{name: "the last attempt is no stream", handle: grpctest.FailFirst(overloaded), right: []error{nil, errDenied}, use: read, want: grpccodes.PermissionDenied},
		{name: "the end is found by Header", handle: grpctest.FailFirst([]error{errDenied}), want: grpccodes.PermissionDenied, use: func(_ *testing.T, stream grpc.ClientStream, _ func(), _ *grpc.ClientConn) {
			_, _ = stream.Header()
		}},
		{name: "failed midway", want: grpccodes.Unavailable, use: read, handle: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n > 1 {
				_ = grpctest.SendAll(out, "one")
			}
			return grpctest.ErrOverloaded
		}},
		{name: "cancelled while nothing has arrived, and never looked at again", handle: grpctest.Hang(0, 0), want: grpccodes.Canceled, use: func(_ *testing.T, _ grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			cancel()
		}},
		{name: "cancelled while a retry has not answered", handle: grpctest.Hang(1, 0), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			time.AfterFunc(time.Minute, cancel)
			_, _ = grpctest.Receive(stream)
		}},
		{name: "cancelled during a wait", handle: grpctest.Hang(5, 0), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			time.AfterFunc(time.Second, cancel)
			_, _ = grpctest.Receive(stream)
		}},
		{name: "abandoned after the first message, then cancelled", handle: grpctest.Hang(1, 2), want: grpccodes.Canceled, use: func(t *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			grpctest.WantBody(t, stream, "one")
			cancel()
		}},
		{name: "cancelled and read on", handle: grpctest.Hang(1, 2), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			time.AfterFunc(time.Minute, cancel)
			_, _ = grpctest.Drain(stream)
		}},
		{name: "the connection is closed, and the stream read on", handle: grpctest.Hang(1, 0), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, _ func(), conn *grpc.ClientConn) {
			time.AfterFunc(time.Minute, func() { _ = conn.Close() })
			_, _ = grpctest.Drain(stream)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Stream: tt.handle}
			u := retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{grpctest.Refuse(tt.right...)}}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				var first, second grpctest.Finishes
				stream := grpctest.Open(t, ctx, conn, first.Option(), second.Option())
				tt.use(t, stream, cancel, conn)
				synctest.Wait()
				cancel() // which says nothing new
				synctest.Wait()
				for _, f := range []*grpctest.Finishes{&first, &second} {
					if got := f.All(); len(got) != 1 || status.Code(got[0]) != tt.want {
						t.Errorf("OnFinish was called with %v, want once with %v", got, tt.want)
					}
				}
			})
		})
	}
}

// TestStream_resultOptions: the caller's Header, Trailer and Peer options
// hold what is of the last attempt, and nothing of one before.
func TestStream_resultOptions(t *testing.T) {
	tag := func(n int) metadata.MD { return metadata.Pairs("attempt", strconv.Itoa(n)) }
	handle := func(failures int, errLast error) grpctest.StreamHandler {
		return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			out.SetTrailer(tag(n))
			if err := out.SendHeader(tag(n)); err != nil {
				return err
			}
			if n <= failures {
				return grpctest.ErrOverloaded
			}
			if errLast != nil {
				return errLast
			}
			return grpctest.SendAll(out, "one")
		}
	}
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name   string
		handle grpctest.StreamHandler
		right  []error
		want   string // the number of the attempt
	}{
		{name: "of a retry that succeeds", handle: handle(2, nil), want: "3"},
		{name: "of a retry that fails", handle: handle(2, errDenied), want: "3"},
		{name: "empty where the last attempt was no stream", handle: handle(9, nil), right: []error{nil, errDenied}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Stream: tt.handle}
			u := retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{grpctest.Refuse(tt.right...)}}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				header, trailer, from := metadata.Pairs("attempt", "before"), metadata.Pairs("attempt", "before"), peer.Peer{}
				opts := []grpc.CallOption{grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from)}
				stream := grpctest.Open(t, t.Context(), conn, opts...)
				_, _ = grpctest.Drain(stream)
				for name, md := range map[string]metadata.MD{"Header": header, "Trailer": trailer} {
					got := ""
					if len(md["attempt"]) > 0 {
						got = md["attempt"][0]
					}
					if got != tt.want {
						t.Errorf("%s: got that of attempt %q, want %q", name, got, tt.want)
					}
				}
				if (from.Addr != nil) != (tt.want != "") {
					t.Errorf("Peer: got %v", from)
				}
			})
		})
	}
}

// TestStream_sharedCallOptions: a slice of options may be shared by calls,
// and has room behind its end that is not ours.
func TestStream_sharedCallOptions(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")}
	var right grpctest.Attempts
	retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right.Intercept}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var f grpctest.Finishes
		room := make([]grpc.CallOption, 2, 8)
		room[0], room[1] = grpc.WaitForReady(false), f.Option()
		stream := grpctest.Open(t, t.Context(), conn, room...)
		if _, err := grpctest.Drain(stream); err != nil {
			t.Fatal(err)
		}
		for i, o := range room[:cap(room)] {
			if (o != nil) != (i < 2) {
				t.Errorf("option %d became %v", i, o)
			}
		}
		if _, ok := room[1].(grpc.OnFinishCallOption); !ok {
			t.Errorf("the caller's own option became %T", room[1])
		}
	})
}

// TestStream_onFinishIsToldWhatTheCallerIs compares the status.
func TestStream_onFinishIsToldWhatTheCallerIs(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded})}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var f grpctest.Finishes
		stream := grpctest.Open(t, t.Context(), conn, f.Option())
		_, err := grpctest.Receive(stream)
		if err == nil || errors.Is(err, io.EOF) {
			t.Fatalf("RecvMsg: %v, want a failure", err)
		}
		if got := f.All(); len(got) != 1 || got[0] != err { //nolint:errorlint // the same one
			t.Errorf("OnFinish: %v, want what RecvMsg has returned: %v", got, err)
		}
	})
}

// TestStream_onFinishMayUseTheStream: grpc calls it where it holds no lock.
func TestStream_onFinishMayUseTheStream(t *testing.T) {
	for name, handle := range map[string]grpctest.StreamHandler{
		"uncommitted failure": grpctest.FailFirst([]error{status.Error(grpccodes.PermissionDenied, "no")}),
		"uncommitted success": grpctest.FailFirst(nil),
		"committed":           grpctest.FailFirst(nil, "one"),
		"after a retry":       grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one"),
		"exhausted":           grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}),
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				out.SetTrailer(metadata.Pairs("k", "v"))
				return handle(n, in, out)
			}}
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				called := 0
				var stream grpc.ClientStream
				stream = grpctest.Open(t, t.Context(), conn, grpc.OnFinish(func(error) {
					called++
					if len(stream.Trailer()["k"]) != 1 {
						t.Error("Trailer: none, want that of the last attempt")
					}
					if err := stream.CloseSend(); err != nil {
						t.Errorf("CloseSend: %v", err)
					}
					_ = stream.Context()
				}))
				_, _ = grpctest.Drain(stream)
				if called != 1 {
					t.Errorf("OnFinish was called %d times, want once", called)
				}
			})
		})
	}
}

// TestStream_onFinishWhenTheConnectionIsClosed: grpc calls it then, whether or
// not the stream is ever looked at again.
func TestStream_onFinishWhenTheConnectionIsClosed(t *testing.T) {
	for failures := range 2 {
		s := &grpctest.Server{Stream: grpctest.Hang(failures, 0)}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			var f grpctest.Finishes
			stream := grpctest.Open(t, t.Context(), conn, f.Option())
			if failures > 0 {
				go func() { _, _ = grpctest.Receive(stream) }()
				time.Sleep(time.Minute) // the retry stands
			}
			_ = conn.Close()
			synctest.Wait()
			if got := f.All(); len(got) != 1 || status.Code(got[0]) != grpccodes.Canceled {
				t.Errorf("after %d failures: OnFinish was called with %v, want once with Canceled", failures, got)
			}
			_, _ = grpctest.Receive(stream)
			if got := f.All(); len(got) != 1 {
				t.Errorf("after %d failures: OnFinish was called %d times, want once", failures, len(got))
			}
		})
	}
}
