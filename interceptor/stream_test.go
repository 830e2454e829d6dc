package interceptor_test

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

	"github.com/reinvoke/reinvoke/interceptor"
)

// wantGaps fails the test unless the attempts came after exactly these waits.
func wantGaps(t *testing.T, s *server, want ...time.Duration) {
	t.Helper()
	if diff := cmp.Diff(want, s.gaps()); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

// wantAttempts fails the test unless so many attempts have reached the server.
func wantAttempts(t *testing.T, s *server, want int) {
	t.Helper()
	if got := s.attempts(); got != want {
		t.Errorf("got %d attempts, want %d", got, want)
	}
}

var repeatable = []interceptor.Option{interceptor.Repeatable()}

func TestStream_isRetriedWhenNewStreamFails(t *testing.T) {
	s := &server{stream: failFirst(nil, "one")}
	u := setup{right: []grpc.StreamClientInterceptor{refuse(errUnreachable, errUnreachable)}}
	u.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		began := time.Now()
		stream := open(t, t.Context(), conn)
		if got, want := time.Since(began), unreachableWaits[0]+unreachableWaits[1]; got != want {
			t.Errorf("NewStream took %v, want %v", got, want)
		}
		wantBody(t, stream, "one")
		wantEOF(t, stream)
		wantAttempts(t, s, 1)
	})
}

func TestStream_newStreamFailsForGood(t *testing.T) {
	t.Run("a failure that is never retried is returned untouched", func(t *testing.T) {
		errDenied := status.Error(grpccodes.PermissionDenied, "no")
		u := setup{right: []grpc.StreamClientInterceptor{refuse(errDenied)}}
		u.run(t, &server{}, func(t *testing.T, conn *grpc.ClientConn) {
			stream, err := conn.NewStream(t.Context(), serverStreamDesc, streamMethod)
			if err != errDenied || stream != nil { //nolint:errorlint // untouched means identical
				t.Errorf("got %v, %v, want no stream and the error untouched", stream, err)
			}
		})
	})
	t.Run("attempts that never become a stream are counted", func(t *testing.T) {
		errs := make([]error, 20)
		for i := range errs {
			errs[i] = errUnreachable
		}
		var right attempts
		u := setup{right: []grpc.StreamClientInterceptor{right.intercept, refuse(errs...)}}
		u.run(t, &server{}, func(t *testing.T, conn *grpc.ClientConn) {
			stream, err := conn.NewStream(t.Context(), serverStreamDesc, streamMethod)
			wantStatus(t, err, grpccodes.Unavailable, "last connection error: gone")
			if stream != nil {
				t.Errorf("got a stream beside the error")
			}
			if got, want := len(right.all()), len(unreachableWaits)+1; got != want {
				t.Errorf("got %d attempts, want %d", got, want)
			}
		})
	})
}

func TestStream_isRetriedWhenTheFirstRecvMsgFails(t *testing.T) {
	s := &server{stream: failFirst([]error{errOverloaded, errOverloaded, errOverloaded}, "one", "two")}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := open(t, t.Context(), conn)
		bodies, err := drain(stream)
		if err != nil {
			t.Fatalf("got %v, want the stream to recover", err)
		}
		if diff := cmp.Diff([]string{"one", "two"}, bodies); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		wantGaps(t, s, overloadedWaits...)
	})
}

func TestStream_isRetriedInsideHeader(t *testing.T) {
	s := &server{stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= 2 {
			return errOverloaded
		}
		if err := out.SetHeader(metadata.Pairs("attempt", "three")); err != nil {
			return err
		}
		return sendAll(out, "one")
	}}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := open(t, t.Context(), conn)
		md, err := stream.Header()
		if err != nil || len(md["attempt"]) != 1 || md["attempt"][0] != "three" {
			t.Fatalf("Header: got %v, %v, want that of the third attempt", md, err)
		}
		wantGaps(t, s, overloadedWaits[:2]...)
		wantBody(t, stream, "one")
		wantEOF(t, stream)
		if again, err := stream.Header(); err != nil || !cmp.Equal(md, again) {
			t.Errorf("Header again: got %v, %v, want the same", again, err)
		}
	})
}

// TestStream_isNotRetriedAfterSomethingWasShown covers what commits. The
// failure is one that is retried otherwise.
func TestStream_isNotRetriedAfterSomethingWasShown(t *testing.T) {
	fail := func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if err := sendAll(out, "one"); err != nil {
			return err
		}
		return errOverloaded
	}
	t.Run("after the first message the failure is the caller's", func(t *testing.T) {
		s := &server{stream: fail}
		setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := open(t, t.Context(), conn)
			wantBody(t, stream, "one")
			_, err := receive(stream)
			wantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
			if !isUntouched(err) {
				t.Errorf("got %T, want grpc's own error", err)
			}
			wantAttempts(t, s, 1)
		})
	})
	t.Run("after a header the failure is the caller's", func(t *testing.T) {
		s := &server{stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := out.SendHeader(metadata.Pairs("k", "v")); err != nil {
				return err
			}
			return errOverloaded
		}}
		setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := open(t, t.Context(), conn)
			if md, err := stream.Header(); err != nil || len(md["k"]) != 1 {
				t.Fatalf("Header: got %v, %v, want the server's", md, err)
			}
			_, err := receive(stream)
			wantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
			if !isUntouched(err) {
				t.Errorf("got %T, want grpc's own error", err)
			}
			wantAttempts(t, s, 1)
		})
	})
	t.Run("a header that the caller did not look at does not commit", func(t *testing.T) {
		s := &server{stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n > 1 {
				return sendAll(out, "one")
			}
			if err := out.SendHeader(metadata.Pairs("k", "v")); err != nil {
				return err
			}
			return errOverloaded
		}}
		setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := open(t, t.Context(), conn)
			wantBody(t, stream, "one")
			wantGaps(t, s, overloadedWaits[0])
		})
	})
	t.Run("Context commits nothing", func(t *testing.T) {
		s := &server{stream: failFirst([]error{errOverloaded}, "one")}
		setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := open(t, t.Context(), conn)
			_ = stream.Context()
			wantBody(t, stream, "one")
			wantGaps(t, s, overloadedWaits[0])
		})
	})
}

// isUntouched reports whether err is one that grpc made, with nothing around
// it.
func isUntouched(err error) bool {
	_, ok := err.(interface{ GRPCStatus() *status.Status })
	_, ours := err.(*interceptor.Error) //nolint:errorlint // likewise
	return ok && !ours
}

func TestStream_failsForGoodInsideHeader(t *testing.T) {
	errDenied := status.Error(grpccodes.PermissionDenied, "no")
	s := &server{stream: failFirst([]error{errDenied})}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := open(t, t.Context(), conn)
		if md, err := stream.Header(); md != nil || err != nil {
			t.Fatalf("Header: got %v, %v, want neither, as grpc has it for a response without header", md, err)
		}
		_, err := receive(stream)
		wantStatus(t, err, grpccodes.PermissionDenied, "no")
		if !isUntouched(err) {
			t.Errorf("got %T, want grpc's own error", err)
		}
		wantAttempts(t, s, 1)
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
			s := &server{stream: failFirst(nil)}
			setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := open(t, t.Context(), conn)
				look(t, stream)
				wantEOF(t, stream)
				wantEOF(t, stream)
				wantAttempts(t, s, 1)
			})
		})
		t.Run(name+", after a retry", func(t *testing.T) {
			s := &server{stream: failFirst([]error{errOverloaded})}
			setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := open(t, t.Context(), conn)
				look(t, stream)
				wantEOF(t, stream)
				wantGaps(t, s, overloadedWaits[0])
			})
		})
	}
}

func TestStream_contextIsTheCallsUntilCommitment(t *testing.T) {
	type key struct{}
	s := &server{stream: failFirst([]error{errOverloaded}, "one")}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		ctx := context.WithValue(t.Context(), key{}, "mine")
		stream := open(t, ctx, conn)
		before := stream.Context()
		if _, ok := peer.FromContext(before); !ok || before.Value(key{}) != "mine" || before.Err() != nil {
			t.Error("before the first message: want the call's own context, with the peer of the attempt")
		}
		wantBody(t, stream, "one")
		after := stream.Context()
		if after.Value(key{}) != "mine" || after.Err() != nil {
			t.Errorf("after the first message: got value %v, error %v, want a live context made from the call's", after.Value(key{}), after.Err())
		}
		wantEOF(t, stream)
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
	s := &server{stream: failFirst([]error{errOverloaded, errOverloaded}, "one")}
	setup{options: repeatable}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "mine", "v")
		for _, ctx := range []context.Context{t.Context(), ctx} {
			s.mu.Lock()
			s.md, s.calls = nil, 0
			s.mu.Unlock()
			wantBody(t, open(t, ctx, conn), "one")
			var told [][]string
			for _, md := range s.md {
				told = append(told, md["grpc-previous-rpc-attempts"])
			}
			if diff := cmp.Diff([][]string{nil, {"1"}, {"2"}}, told); diff != "" {
				t.Errorf("grpc-previous-rpc-attempts (-want +got):\n%s", diff)
			}
		}
		if md, _ := metadata.FromOutgoingContext(ctx); len(md) != 1 {
			t.Errorf("the caller's metadata became %v", md)
		}
		if got := s.md[2]["mine"]; len(got) != 1 {
			t.Errorf("a retry carries the caller's metadata %v, want one value", got)
		}
	})
}
