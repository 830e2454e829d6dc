package streams_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestStream_onFinishOfAnAttemptThatEndsLate: where an interceptor on the
// right fails an attempt by itself, grpc ends what is below only when the
// attempt is given up, while the next one is on its way.
func TestStream_onFinishOfAnAttemptThatEndsLate(t *testing.T) {
	at := interceptor.WithPolicy(codes.Network, policy.Policy{Retries: 3, Multiplier: 1}) // without a wait
	n := 0
	right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		n++
		stream, err := streamer(ctx, desc, cc, method, opts...)
		if n <= 3 {
			stream = &failing{stream, grpctest.ErrUnreachable}
		}
		return stream, err
	}
	s := &grpctest.Server{Stream: grpctest.Slowly(0, 2, nil)}
	u := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), at}, Right: []grpc.StreamClientInterceptor{right}}
	u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		for range 20 { // when the late ones end is for the scheduler to say
			n = 0
			var f grpctest.Finishes
			stream := grpctest.Open(t, t.Context(), conn, f.Option())
			grpctest.WantBody(t, stream, "one")
			synctest.Wait()
			if got := f.All(); len(got) != 0 {
				t.Fatalf("OnFinish was called with %v while the stream went on", got)
			}
			grpctest.WantBody(t, stream, "one")
			grpctest.WantEOF(t, stream)
			if got := f.All(); len(got) != 1 || got[0] != nil {
				t.Fatalf("OnFinish was called with %v, want once with nil", got)
			}
		}
	})
}

// refusing is a stream whose messages an interceptor on the right will not
// send, or not take, while the stream below goes on.
type refusing struct {
	grpc.ClientStream
	send, recv error
}

func (s *refusing) SendMsg(m any) error {
	if s.send != nil {
		return s.send
	}
	return s.ClientStream.SendMsg(m)
}

func (s *refusing) RecvMsg(m any) error {
	if s.recv != nil {
		return s.recv
	}
	return s.ClientStream.RecvMsg(m)
}

// TestStream_attemptThatGoesOnBelow: such a failure is dealt with at once. No
// one may wait for what the server, which still waits itself, has to say.
func TestStream_attemptThatGoesOnBelow(t *testing.T) {
	errInvalid := status.Error(grpccodes.InvalidArgument, "no")
	for name, bad := range map[string]refusing{"it will not send": {send: errInvalid}, "it will not take": {recv: errInvalid}} {
		t.Run(name, func(t *testing.T) {
			right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				stream, err := streamer(ctx, desc, cc, method, opts...)
				bad := bad
				bad.ClientStream = stream
				return &bad, err
			}
			s := &grpctest.Server{Stream: grpctest.Hang(0, 0)}
			retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				stream, err := conn.NewStream(ctx, grpctest.ServerStream, grpctest.StreamMethod)
				if err != nil {
					t.Fatal(err)
				}
				if err = stream.SendMsg(grpctest.Ask("as sent")); err == nil {
					_, err = grpctest.Receive(stream)
				}
				retrytest.WantStatus(t, err, grpccodes.InvalidArgument, "no")
				if took := time.Since(began); took != 0 {
					t.Errorf("took %v, want nothing", took)
				}
			})
		})
	}
}
