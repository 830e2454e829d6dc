package streams_test

import (
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// wantTerminal fails the test unless every method of a stream that has ended
// with final returns at once, always the same, and makes no further attempt.
func wantTerminal(t *testing.T, s *grpctest.Server, stream grpc.ClientStream, final error) {
	t.Helper()
	attempts, began := s.Attempts(), time.Now()
	for range 50 {
		if _, err := grpctest.Receive(stream); err != final { //nolint:errorlint // the same one
			t.Fatalf("RecvMsg again: %v, want %v", err, final)
		}
		if md, err := stream.Header(); err != nil {
			t.Fatalf("Header again: %v, %v, want no error", md, err)
		}
		if err := stream.SendMsg(grpctest.Ask("more")); err == nil {
			t.Fatal("SendMsg after the end: nil, want an error")
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatalf("CloseSend after the end: %v, want nil", err)
		}
		_, _ = stream.Trailer(), stream.Context()
	}
	if got := s.Attempts(); got != attempts {
		t.Errorf("%d attempts after the end, want none", got-attempts)
	}
	if took := time.Since(began); took != 0 {
		t.Errorf("what was called after the end took %v, want nothing", took)
	}
}

// TestStream_afterTheEnd goes on using streams that are over.
func TestStream_afterTheEnd(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	overloaded := []error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}
	midway := func(before int) grpctest.StreamHandler {
		return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n <= before {
				return grpctest.ErrOverloaded
			}
			if err := grpctest.SendAll(out, "one"); err != nil {
				return err
			}
			return grpctest.ErrOverloaded
		}
	}
	for _, tt := range []struct {
		name     string
		handle   grpctest.StreamHandler
		right    []error // of NewStream, after the first attempt
		attempts int     // that have reached the server
		header   bool    // a header is there to be seen
	}{
		{name: "never retried", handle: grpctest.FailFirst([]error{errDenied}), attempts: 1},
		{name: "retried to the limit", handle: grpctest.FailFirst(overloaded), attempts: 4},
		{name: "EOF at once", handle: grpctest.FailFirst(nil), attempts: 1},
		{name: "EOF after a retry", handle: grpctest.FailFirst(overloaded[:1]), attempts: 2},
		{name: "EOF after messages", handle: grpctest.FailFirst(nil, "one", "two"), attempts: 1, header: true},
		{name: "failed midway", handle: midway(0), attempts: 1, header: true},
		{name: "failed midway after a retry", handle: midway(2), attempts: 3, header: true},
		{name: "the last attempt was no stream", handle: grpctest.FailFirst(overloaded), right: []error{nil, errDenied}, attempts: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Stream: tt.handle}
			u := retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{grpctest.Refuse(tt.right...)}}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				var final error
				for final == nil {
					_, final = grpctest.Receive(stream)
				}
				grpctest.WantAttempts(t, s, tt.attempts)
				wantTerminal(t, s, stream, final)
				if md, _ := stream.Header(); (md != nil) != tt.header {
					t.Errorf("Header after the end: %v, want one: %v", md, tt.header)
				}
			})
		})
	}
}

// TestStream_attemptsAreCountedForTheCall: a limit of three attempts is three
// however often the caller asks.
func TestStream_attemptsAreCountedForTheCall(t *testing.T) {
	errs := make([]error, 100)
	for i := range errs {
		errs[i] = grpctest.ErrOverloaded
	}
	s := &grpctest.Server{Stream: grpctest.FailFirst(errs)}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn, interceptor.MaxRetries(2))
		var err error
		for range 50 {
			_, err = grpctest.Receive(stream)
		}
		retrytest.WantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
		grpctest.WantAttempts(t, s, 3)
		grpctest.WantGaps(t, s, grpctest.OverloadedWaits[:2]...)
	})
}

// TestStream_headerAndRecvMsgShareTheAttempts begins to fail in
// Header and goes on in RecvMsg.
func TestStream_headerAndRecvMsgShareTheAttempts(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded})}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		for range 10 {
			if md, err := stream.Header(); md != nil || err != nil {
				t.Fatalf("Header: got %v, %v, want neither", md, err)
			}
		}
		_, err := grpctest.Receive(stream)
		if e, ok := errors.AsType[*interceptor.Error](err); !ok || len(e.Attempts) != 4 || e.Why != policy.ClassExhausted {
			t.Errorf("got %v, want the history of four attempts", err)
		}
		grpctest.WantAttempts(t, s, 4)
	})
}

func TestStream_trailerIsTheLastAttempts(t *testing.T) {
	handle := func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		out.SetTrailer(metadata.Pairs("attempt", strconv.Itoa(n)))
		if n <= 2 {
			return grpctest.ErrOverloaded
		}
		return status.Error(grpccodes.PermissionDenied, "no")
	}
	t.Run("of those with a stream", func(t *testing.T) {
		s := &grpctest.Server{Stream: handle}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			_, err := grpctest.Receive(stream)
			retrytest.WantStatus(t, err, grpccodes.PermissionDenied, "no")
			if got := stream.Trailer()["attempt"]; len(got) != 1 || got[0] != "3" {
				t.Errorf("got %v, want that of the third attempt", got)
			}
		})
	})
	t.Run("none where the last attempt was no stream", func(t *testing.T) {
		s := &grpctest.Server{Stream: handle}
		errGone := status.Error(grpccodes.FailedPrecondition, "gone")
		u := retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{grpctest.Refuse(nil, nil, errGone)}}
		u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			_, err := grpctest.Receive(stream)
			retrytest.WantStatus(t, err, grpccodes.FailedPrecondition, "gone")
			if got := stream.Trailer(); got != nil {
				t.Errorf("got %v, want none", got)
			}
		})
	})
	t.Run("of a stream that has delivered", func(t *testing.T) {
		s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			out.SetTrailer(metadata.Pairs("attempt", strconv.Itoa(n)))
			return grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")(n, in, out)
		}}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			if _, err := grpctest.Drain(stream); err != nil {
				t.Fatal(err)
			}
			if got := stream.Trailer()["attempt"]; len(got) != 1 || got[0] != "2" {
				t.Errorf("got %v, want that of the second attempt", got)
			}
		})
	})
}

// TestStream_messageIsLeftAloneAtTheEnd: as grpc does, and unlike a unary call,
// whose reply a failed attempt may have filled in part.
func TestStream_messageIsLeftAloneAtTheEnd(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{status.Error(grpccodes.PermissionDenied, "no")})}
	retrytest.Setup{}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		m := grpctest.Chunk("left from before")
		if err := stream.RecvMsg(m); err == nil || errors.Is(err, io.EOF) {
			t.Fatalf("RecvMsg: %v, want the failure", err)
		}
		if string(m.GetPayload().GetBody()) != "left from before" {
			t.Errorf("the message holds %v, want what it held", m)
		}
	})
}
