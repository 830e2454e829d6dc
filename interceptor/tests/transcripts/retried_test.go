package transcripts_test

import (
	"testing"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// passing are ways to fail before anything was shown, after which another
// attempt can look as if it were the first.
var passing = []struct {
	name string
	fail func(stream grpc.ServerStream)
}{
	{"at once", func(grpc.ServerStream) {}},
	{"with a trailer", setTrailer},
	{"after a request", func(stream grpc.ServerStream) { _ = stream.RecvMsg(grpctest.Ask("")) }},
	{"after all requests", func(stream grpc.ServerStream) { grpctest.ReadAll(stream) }},
	{"after its header", func(stream grpc.ServerStream) {
		_ = stream.SendHeader(grpctest.OddHeader())
		_ = stream.RecvMsg(grpctest.Ask(""))
	}},
}

// TestTranscript_retried: a caller whose first attempts fail sees what one sees
// whose server is well, though later.
func TestTranscript_retried(t *testing.T) {
	everyday := []struct {
		name  string
		moves []move
		many  bool // messages are sent
	}{
		{"asks and reads", steps(send, closeSend, recvAll, header, trailer), false},
		{"sends several", steps(send, send, send, closeSend, recvAll, header, trailer), true},
		{"receives beside", steps(recvBeside, send, send, send, closeSend), true},
		{"closes without sending", steps(closeSend, recvAll), false},
		{"takes the context first", steps(hold, lookAtHeld, send, closeSend, recvAll, lookAtHeld), false},
	}
	healthy := oddServer{name: "answers once it has everything"}
	for _, server := range oddServers {
		if server.name == healthy.name {
			healthy = server
		}
	}
	for _, kind := range grpctest.Kinds {
		for _, script := range everyday {
			if script.many && !kind.Desc.ClientStreams {
				continue
			}
			for _, way := range passing {
				for _, failures := range []int{1, 3} {
					t.Run(kind.Name+"/"+script.name+"/"+way.name, func(t *testing.T) {
						s := scenario{untimed: true}
						s.use = func(t *testing.T, conn *grpc.ClientConn, r *recorder) {
							t.Helper()
							playStream(t, kind, conn, r, script.moves)
						}
						s.connect = handling(func(_ int, stream grpc.ServerStream) error { return healthy.handle(stream, nil) })
						without := s.play(t)
						attempts := 0
						s.connect = handling(func(n int, stream grpc.ServerStream) error {
							if attempts = n; n <= failures {
								way.fail(stream)
								return errBusy
							}
							return healthy.handle(stream, nil)
						})
						wantSame(t, without, s.play(t, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithRand(func() float64 { return 0 }))...))
						if attempts != failures+1 {
							t.Errorf("%d attempts, want %d", attempts, failures+1)
						}
					})
				}
			}
		}
	}
}

// TestTranscript_generated plays the calls of generated code, of every kind.
func TestTranscript_generated(t *testing.T) {
	s := scenario{connect: serving(&grpctest.Server{
		Unary: grpctest.RefuseFirst(0, nil), Stream: grpctest.FailFirst(nil, "one", "two", "three"),
	})}
	s.use = func(t *testing.T, conn *grpc.ClientConn, r *recorder) {
		t.Helper()
		client := testpb.NewTestServiceClient(conn)
		var got results
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, got.options(r)...); err != nil {
			t.Error(err)
		}
		got.note(r)
		stream, err := client.StreamingOutputCall(t.Context(), grpctest.Ask("a"), got.options(r)...)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = stream.Recv()
		}
		got.note(r)
		if _, err := client.EmptyCall(t.Context(), &testpb.Empty{}); err == nil {
			t.Error("EmptyCall is not implemented here")
		}
		upload, err := client.StreamingInputCall(t.Context(), got.options(r)...)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = upload.CloseAndRecv() // nor is this one
		got.note(r)
		echo, err := client.FullDuplexCall(t.Context(), got.options(r)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"here", "and there"} {
			if err := echo.Send(grpctest.Ask(body)); err != nil {
				t.Error(err)
			}
			if _, err := echo.Recv(); err != nil {
				t.Error(err)
			}
		}
		_ = echo.CloseSend()
		_, _ = echo.Recv()
		got.note(r)
	}
	s.compare(t)
}
