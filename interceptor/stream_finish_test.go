package interceptor_test

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
)

// hang is a server that never answers, after so many failures and so many
// messages.
func hang(failures, messages int) handler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= failures {
			return errOverloaded
		}
		for range messages {
			if err := out.Send(chunk("one")); err != nil {
				return err
			}
		}
		<-out.Context().Done()
		return out.Context().Err()
	}
}

// TestStream_onFinish: what grpc calls after every attempt is meant for the
// call.
func TestStream_onFinish(t *testing.T) {
	overloaded := []error{errOverloaded, errOverloaded, errOverloaded, errOverloaded, errOverloaded}
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	read := func(_ *testing.T, stream grpc.ClientStream, _ func(), _ *grpc.ClientConn) { _, _ = drain(stream) }
	for _, tt := range []struct {
		name   string
		handle handler
		right  []error
		use    func(t *testing.T, stream grpc.ClientStream, cancel func(), conn *grpc.ClientConn)
		want   grpccodes.Code
	}{
		{name: "the first attempt succeeds", handle: failFirst(nil, "one"), use: read, want: grpccodes.OK},
		{name: "a retry succeeds", handle: failFirst(overloaded[:2], "one", "two"), use: read, want: grpccodes.OK},
		{name: "EOF at once", handle: failFirst(nil), use: read, want: grpccodes.OK},
		{name: "EOF after a retry", handle: failFirst(overloaded[:1]), use: read, want: grpccodes.OK},
		{name: "retried to the limit", handle: failFirst(overloaded), use: read, want: grpccodes.Unavailable},
		{name: "never retried", handle: failFirst([]error{errDenied}), use: read, want: grpccodes.PermissionDenied},
		{name: "NewStream fails once", handle: failFirst(nil, "one"), right: []error{errUnreachable}, use: read, want: grpccodes.OK},
		{name: "the last attempt is no stream", handle: failFirst(overloaded), right: []error{nil, errDenied}, use: read, want: grpccodes.PermissionDenied},
		{name: "the end is found by Header", handle: failFirst([]error{errDenied}), want: grpccodes.PermissionDenied, use: func(_ *testing.T, stream grpc.ClientStream, _ func(), _ *grpc.ClientConn) {
			_, _ = stream.Header()
		}},
		{name: "failed midway", want: grpccodes.Unavailable, use: read, handle: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n > 1 {
				_ = sendAll(out, "one")
			}
			return errOverloaded
		}},
		{name: "cancelled while nothing has arrived, and never looked at again", handle: hang(0, 0), want: grpccodes.Canceled, use: func(_ *testing.T, _ grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			cancel()
		}},
		{name: "cancelled while a retry has not answered", handle: hang(1, 0), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			time.AfterFunc(time.Minute, cancel)
			_, _ = receive(stream)
		}},
		{name: "cancelled during a wait", handle: hang(5, 0), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			time.AfterFunc(time.Second, cancel)
			_, _ = receive(stream)
		}},
		{name: "abandoned after the first message, then cancelled", handle: hang(1, 2), want: grpccodes.Canceled, use: func(t *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			wantBody(t, stream, "one")
			cancel()
		}},
		{name: "cancelled and read on", handle: hang(1, 2), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, cancel func(), _ *grpc.ClientConn) {
			time.AfterFunc(time.Minute, cancel)
			_, _ = drain(stream)
		}},
		{name: "the connection is closed, and the stream read on", handle: hang(1, 0), want: grpccodes.Canceled, use: func(_ *testing.T, stream grpc.ClientStream, _ func(), conn *grpc.ClientConn) {
			time.AfterFunc(time.Minute, func() { _ = conn.Close() })
			_, _ = drain(stream)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{stream: tt.handle}
			u := setup{options: repeatable, right: []grpc.StreamClientInterceptor{refuse(tt.right...)}}
			u.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				var first, second finishes
				stream := open(t, ctx, conn, first.option(), second.option())
				tt.use(t, stream, cancel, conn)
				synctest.Wait()
				cancel() // which says nothing new
				synctest.Wait()
				for _, f := range []*finishes{&first, &second} {
					if got := f.all(); len(got) != 1 || status.Code(got[0]) != tt.want {
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
	handle := func(failures int, errLast error) handler {
		return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			out.SetTrailer(tag(n))
			if err := out.SendHeader(tag(n)); err != nil {
				return err
			}
			if n <= failures {
				return errOverloaded
			}
			if errLast != nil {
				return errLast
			}
			return sendAll(out, "one")
		}
	}
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name   string
		handle handler
		right  []error
		want   string // the number of the attempt
	}{
		{name: "of a retry that succeeds", handle: handle(2, nil), want: "3"},
		{name: "of a retry that fails", handle: handle(2, errDenied), want: "3"},
		{name: "empty where the last attempt was no stream", handle: handle(9, nil), right: []error{nil, errDenied}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{stream: tt.handle}
			u := setup{options: repeatable, right: []grpc.StreamClientInterceptor{refuse(tt.right...)}}
			u.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				header, trailer, from := metadata.Pairs("attempt", "before"), metadata.Pairs("attempt", "before"), peer.Peer{}
				opts := []grpc.CallOption{grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from)}
				stream := open(t, t.Context(), conn, opts...)
				_, _ = drain(stream)
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
	s := &server{stream: failFirst([]error{errOverloaded}, "one")}
	var right attempts
	setup{options: repeatable, right: []grpc.StreamClientInterceptor{right.intercept}}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var f finishes
		room := make([]grpc.CallOption, 2, 8)
		room[0], room[1] = grpc.WaitForReady(false), f.option()
		stream := open(t, t.Context(), conn, room...)
		if _, err := drain(stream); err != nil {
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
	s := &server{stream: failFirst([]error{errOverloaded, errOverloaded, errOverloaded, errOverloaded})}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var f finishes
		stream := open(t, t.Context(), conn, f.option())
		_, err := receive(stream)
		if err == nil || errors.Is(err, io.EOF) {
			t.Fatalf("RecvMsg: %v, want a failure", err)
		}
		if got := f.all(); len(got) != 1 || got[0] != err { //nolint:errorlint // the same one
			t.Errorf("OnFinish: %v, want what RecvMsg has returned: %v", got, err)
		}
	})
}
