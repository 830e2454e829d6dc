package interceptor_test

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
			stream = &failing{stream, errUnreachable}
		}
		return stream, err
	}
	s := &server{stream: slowly(0, 2, nil)}
	u := setup{options: []interceptor.Option{interceptor.Repeatable(), at}, right: []grpc.StreamClientInterceptor{right}}
	u.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		for range 20 { // when the late ones end is for the scheduler to say
			n = 0
			var f finishes
			stream := open(t, t.Context(), conn, f.option())
			wantBody(t, stream, "one")
			synctest.Wait()
			if got := f.all(); len(got) != 0 {
				t.Fatalf("OnFinish was called with %v while the stream went on", got)
			}
			wantBody(t, stream, "one")
			wantEOF(t, stream)
			if got := f.all(); len(got) != 1 || got[0] != nil {
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
			s := &server{stream: hang(0, 0)}
			setup{options: repeatable, right: []grpc.StreamClientInterceptor{right}}.run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				stream, err := conn.NewStream(ctx, serverStreamDesc, streamMethod)
				if err != nil {
					t.Fatal(err)
				}
				if err = stream.SendMsg(ask("as sent")); err == nil {
					_, err = receive(stream)
				}
				wantStatus(t, err, grpccodes.InvalidArgument, "no")
				if took := time.Since(began); took != 0 {
					t.Errorf("took %v, want nothing", took)
				}
			})
		})
	}
}
