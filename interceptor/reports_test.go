package interceptor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/reports"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestCalls_publicReports: the course of calls that somebody has made public is right.
func TestCalls_publicReports(t *testing.T) {
	plays := map[string]func(*testing.T){
		"stream_cancel_in_wait":                    cancelInWait,
		"stream_raw_frames_bidi_refused":           rawFramesRefused,
		"max_connection_age_non_repeatable":        connectionsThatAge,
		"unary_attempt_timeout_longer_than_caller": timeoutLongerThanTheCaller,
	}
	all, err := reports.Read("../codes/testdata/reports")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Kind() != reports.Call {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			play := plays[r.Name]
			if play == nil {
				t.Fatalf("it is not played: %s", r.Why)
			}
			delete(plays, r.Name)
			synctest.Test(t, play)
		})
	}
	if len(plays) > 0 {
		t.Errorf("%d reports are not there", len(plays))
	}
}

// cancelInWait: a caller that cancels while a stream waits for its retry is told so then.
func cancelInWait(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{status.Error(grpccodes.Unavailable, "down")}, "never")}
	conn := grpctest.Serve(t, s, interceptor.DialOptions()...)
	ctx, cancel := context.WithCancel(t.Context())
	stream := grpctest.Open(t, ctx, conn)
	time.AfterFunc(500*time.Millisecond, cancel)
	began := time.Now()
	_, err := grpctest.Receive(stream)
	if took := time.Since(began); status.Code(err) != grpccodes.Canceled || took != 500*time.Millisecond {
		t.Errorf("got %v after %v, want CANCELLED after 500ms", err, took)
	}
}

// rawFramesRefused: a bidirectional stream of a proxy's frames that is refused at its first
// RecvMsg is retried as a refusal by a quota.
func rawFramesRefused(t *testing.T) {
	w := &retrytest.Watcher{}
	conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
		var in []byte
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		if n < 3 {
			return status.Error(grpccodes.ResourceExhausted, "Resource exhausted")
		}
		return stream.SendMsg(in)
	}, interceptor.DialOptions(interceptor.WithObserver(w.Observe)), grpc.ForceServerCodec(grpctest.RawCodec{}))
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/any.Service/Method", grpc.ForceCodec(frameCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	in, out := []byte("frame"), []byte(nil)
	if err := stream.SendMsg(&in); err != nil {
		t.Fatal(err)
	}
	_ = stream.CloseSend()
	if err := stream.RecvMsg(&out); err != nil || string(out) != "frame" {
		t.Errorf("got %q, %v, want the frame", out, err)
	}
	if got := w.Events[0].Failure.Class; got != codes.Quota {
		t.Errorf("the first attempt was %v, want Quota", got)
	}
}

// frameCodec is one of *[]byte, in both directions.
type frameCodec struct{ grpctest.RawCodec }

func (frameCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

// connectionsThatAge: calls of a method that must not run twice survive a server that
// closes each connection after a moment, and each of them runs once.
func connectionsThatAge(t *testing.T) {
	const calls = 300
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
	srv := grpc.NewServer(grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 20 * time.Millisecond, MaxConnectionIdle: 20 * time.Millisecond}))
	testpb.RegisterTestServiceServer(srv, s)
	conn := grpctest.Connect(t, srv, interceptor.DialOptions(interceptor.NotRepeatable())...)
	for n := range calls {
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		time.Sleep(3 * time.Millisecond)
	}
	if got := s.Attempts(); got != calls {
		t.Errorf("the server ran %d calls, want %d", got, calls)
	}
}

// timeoutLongerThanTheCaller: an attempt timeout beyond the caller's deadline changes
// nothing.
func timeoutLongerThanTheCaller(t *testing.T) {
	s := &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	w := &retrytest.Watcher{}
	conn := grpctest.Serve(t, s, interceptor.DialOptions(interceptor.WithAttemptTimeout(5*time.Second), interceptor.WithObserver(w.Observe))...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	_, err := grpctest.CallUnary(ctx, conn)
	if took := time.Since(began); status.Code(err) != grpccodes.DeadlineExceeded || w.Events[0].Failure.Class != codes.Ended || took != time.Second {
		t.Errorf("got %v (%v) after %v, want the caller's own end after 1s", err, w.Events[0].Failure.Class, took)
	}
}
