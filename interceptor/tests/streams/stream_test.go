// Package streams_test shows what the caller of a stream sees, and what its server does:
// streams of all kinds, that are retried, committed or resumed.
package streams_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

func TestStream_isRetriedWhenNewStreamFails(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one")}
	u := retrytest.Setup{Right: []grpc.StreamClientInterceptor{grpctest.Refuse(grpctest.ErrUnreachable, grpctest.ErrUnreachable)}}
	u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		began := time.Now()
		stream := grpctest.Open(t, t.Context(), conn)
		if got, want := time.Since(began), grpctest.UnreachableWaits[0]+grpctest.UnreachableWaits[1]; got != want {
			t.Errorf("NewStream took %v, want %v", got, want)
		}
		grpctest.WantBody(t, stream, "one")
		grpctest.WantEOF(t, stream)
		grpctest.WantAttempts(t, s, 1)
	})
}

func TestStream_newStreamFailsForGood(t *testing.T) {
	t.Run("a failure that is never retried is returned untouched", func(t *testing.T) {
		errDenied := status.Error(grpccodes.PermissionDenied, "no")
		u := retrytest.Setup{Right: []grpc.StreamClientInterceptor{grpctest.Refuse(errDenied)}}
		u.Run(t, &grpctest.Server{}, func(t *testing.T, conn *grpc.ClientConn) {
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
			if err != errDenied || stream != nil { //nolint:errorlint // untouched means identical
				t.Errorf("got %v, %v, want no stream and the error untouched", stream, err)
			}
		})
	})
	t.Run("attempts that never become a stream are counted", func(t *testing.T) {
		errs := make([]error, 20)
		for i := range errs {
			errs[i] = grpctest.ErrUnreachable
		}
		var right grpctest.Attempts
		u := retrytest.Setup{Right: []grpc.StreamClientInterceptor{right.Intercept, grpctest.Refuse(errs...)}}
		u.Run(t, &grpctest.Server{}, func(t *testing.T, conn *grpc.ClientConn) {
			stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
			retrytest.WantStatus(t, err, grpccodes.Unavailable, "last connection error: gone")
			if stream != nil {
				t.Errorf("got a stream beside the error")
			}
			if got, want := len(right.All()), len(grpctest.UnreachableWaits)+1; got != want {
				t.Errorf("got %d attempts, want %d", got, want)
			}
		})
	})
}

func TestStream_isRetriedWhenTheFirstRecvMsgFails(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}, "one", "two")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		bodies, err := grpctest.Drain(stream)
		if err != nil {
			t.Fatalf("got %v, want the stream to recover", err)
		}
		if diff := cmp.Diff([]string{"one", "two"}, bodies); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		grpctest.WantGaps(t, s, grpctest.OverloadedWaits...)
	})
}

func TestStream_isRetriedInsideHeader(t *testing.T) {
	s := &grpctest.Server{Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= 2 {
			return grpctest.ErrOverloaded
		}
		if err := out.SetHeader(metadata.Pairs("attempt", "three")); err != nil {
			return err
		}
		return grpctest.SendAll(out, "one")
	}}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		md, err := stream.Header()
		if err != nil || len(md["attempt"]) != 1 || md["attempt"][0] != "three" {
			t.Fatalf("Header: got %v, %v, want that of the third attempt", md, err)
		}
		grpctest.WantGaps(t, s, grpctest.OverloadedWaits[:2]...)
		grpctest.WantBody(t, stream, "one")
		grpctest.WantEOF(t, stream)
		if again, err := stream.Header(); err != nil || !cmp.Equal(md, again) {
			t.Errorf("Header again: got %v, %v, want the same", again, err)
		}
	})
}

// TestStream_isNotRetriedAfterSomethingWasShown covers what commits. The
// failure is one that is retried otherwise.
func TestStream_isNotRetriedAfterSomethingWasShown(t *testing.T) {
	fail := func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if err := grpctest.SendAll(out, "one"); err != nil {
			return err
		}
		return grpctest.ErrOverloaded
	}
	t.Run("after the first message the failure is the caller's", func(t *testing.T) {
		s := &grpctest.Server{Stream: fail}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			grpctest.WantBody(t, stream, "one")
			_, err := grpctest.Receive(stream)
			retrytest.WantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
			if !retrytest.Untouched(err) {
				t.Errorf("got %T, want grpc's own error", err)
			}
			grpctest.WantAttempts(t, s, 1)
		})
	})
	t.Run("after a header the failure is the caller's", func(t *testing.T) {
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := out.SendHeader(metadata.Pairs("k", "v")); err != nil {
				return err
			}
			return grpctest.ErrOverloaded
		}}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			if md, err := stream.Header(); err != nil || len(md["k"]) != 1 {
				t.Fatalf("Header: got %v, %v, want the server's", md, err)
			}
			_, err := grpctest.Receive(stream)
			retrytest.WantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
			if !retrytest.Untouched(err) {
				t.Errorf("got %T, want grpc's own error", err)
			}
			grpctest.WantAttempts(t, s, 1)
		})
	})
	t.Run("a header that the caller did not look at does not commit", func(t *testing.T) {
		s := &grpctest.Server{Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n > 1 {
				return grpctest.SendAll(out, "one")
			}
			if err := out.SendHeader(metadata.Pairs("k", "v")); err != nil {
				return err
			}
			return grpctest.ErrOverloaded
		}}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			grpctest.WantBody(t, stream, "one")
			grpctest.WantGaps(t, s, grpctest.OverloadedWaits[0])
		})
	})
	t.Run("Context commits nothing", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := grpctest.Open(t, t.Context(), conn)
			_ = stream.Context()
			grpctest.WantBody(t, stream, "one")
			grpctest.WantGaps(t, s, grpctest.OverloadedWaits[0])
		})
	})
}

func TestStream_failsForGoodInsideHeader(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errDenied})}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		if md, err := stream.Header(); md != nil || err != nil {
			t.Fatalf("Header: got %v, %v, want neither, as grpc has it for a response without header", md, err)
		}
		_, err := grpctest.Receive(stream)
		retrytest.WantStatus(t, err, grpccodes.PermissionDenied, "no")
		if !retrytest.Untouched(err) {
			t.Errorf("got %T, want grpc's own error", err)
		}
		grpctest.WantAttempts(t, s, 1)
	})
}

func TestStream_emptyStreamThatSucceeds(t *testing.T) {
	for name, look := range map[string]func(*testing.T, grpc.ClientStream){
		"EOF at once": func(*testing.T, grpc.ClientStream) {},
		"Header shows none and RecvMsg EOF": func(t *testing.T, stream grpc.ClientStream) {
			t.Helper()
			if md, err := stream.Header(); md != nil || err != nil {
				t.Fatalf("Header: got %v, %v, want neither", md, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Stream: grpctest.FailFirst(nil)}
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				look(t, stream)
				grpctest.WantEOF(t, stream)
				grpctest.WantEOF(t, stream)
				grpctest.WantAttempts(t, s, 1)
			})
		})
		t.Run(name+", after a retry", func(t *testing.T) {
			s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded})}
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				look(t, stream)
				grpctest.WantEOF(t, stream)
				grpctest.WantGaps(t, s, grpctest.OverloadedWaits[0])
			})
		})
	}
}

func TestStream_contextIsTheCallsUntilCommitment(t *testing.T) {
	type key struct{}
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		ctx := context.WithValue(t.Context(), key{}, "mine")
		stream := grpctest.Open(t, ctx, conn)
		before := stream.Context()
		if _, ok := peer.FromContext(before); !ok || before.Value(key{}) != "mine" || before.Err() != nil {
			t.Error("before the first message: want the call's own context, with the peer of the attempt")
		}
		grpctest.WantBody(t, stream, "one")
		after := stream.Context()
		if after.Value(key{}) != "mine" || after.Err() != nil {
			t.Errorf("after the first message: got value %v, error %v, want a live context made from the call's", after.Value(key{}), after.Err())
		}
		grpctest.WantEOF(t, stream)
		synctest.Wait()
		if after.Err() == nil || before.Err() == nil {
			t.Error("after the end: want the contexts of the stream to be done")
		}
		if ctx.Err() != nil {
			t.Error("after the end: want the caller's context to be left alone")
		}
	})
}

func TestStream_previousAttemptsAreTold(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded}, "one")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "mine", "v")
		for _, ctx := range []context.Context{t.Context(), ctx} {
			s.Reset()
			grpctest.WantBody(t, grpctest.Open(t, ctx, conn), "one")
			var told [][]string
			for _, md := range s.Metadata() {
				told = append(told, md["grpc-previous-rpc-attempts"])
			}
			if diff := cmp.Diff([][]string{nil, {"1"}, {"2"}}, told); diff != "" {
				t.Errorf("grpc-previous-rpc-attempts (-want +got):\n%s", diff)
			}
		}
		if md, _ := metadata.FromOutgoingContext(ctx); len(md) != 1 {
			t.Errorf("the caller's metadata became %v", md)
		}
		if got := s.Metadata()[2]["mine"]; len(got) != 1 {
			t.Errorf("a retry carries the caller's metadata %v, want one value", got)
		}
	})
}
