package streams_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// drainOnce has the next connection to an outage meet a server that is about
// to restart: it processes no stream, says so with a GOAWAY, and is gone until
// the outage is started.
func drainOnce(o *grpctest.Outage) {
	listener := o.Listen()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if _, ok := frame.(*http2.HeadersFrame); ok {
				o.Stop()
				_ = framer.WriteGoAway(0, http2.ErrCodeNo, nil)
				return
			}
		}
	}()
}

// TestStream_sendThatCannotReconnect: grpc makes another attempt of a stream
// that was not processed by itself, inside SendMsg. If that one finds no
// connection, its failure is one like any other, though SendMsg reports it.
func TestStream_sendThatCannotReconnect(t *testing.T) {
	type event struct {
		Outcome interceptor.Outcome
		Attempt int
		Class   codes.Class
		Why     policy.Why
	}
	failed := func(attempt int, why policy.Why) event {
		return event{interceptor.Pending, attempt, codes.Network, why}
	}
	for _, tt := range []struct {
		name string
		back time.Duration // when the server is back; zero for never
		send grpccodes.Code
		want []event
	}{
		{"the server comes back", 500 * time.Millisecond, grpccodes.OK, []event{
			failed(1, policy.Backoff), {interceptor.Pending, 2, codes.None, policy.Success}, {interceptor.Recovered, 2, codes.Network, policy.Success},
		}},
		{"the server stays away", 0, grpccodes.Unavailable, []event{
			failed(1, policy.Backoff), failed(2, policy.Backoff), failed(3, policy.ClassExhausted),
			{interceptor.Exhausted, 3, codes.Network, policy.ClassExhausted},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				var f grpctest.Finishes
				s := &grpctest.Server{Stream: func(_ int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
					return grpctest.SendAll(out, string(in.GetPayload().GetBody()))
				}}
				o := &grpctest.Outage{Service: s}
				drainOnce(o)
				conn := o.Connect(t, retrytest.DialOptions(append(retrytest.Network(2, time.Second), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))...)...)
				stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod, f.Option())
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until the server has gone
				if tt.back > 0 {
					time.AfterFunc(tt.back, o.Start)
				}
				err = stream.SendMsg(grpctest.Ask("as sent"))
				if err == nil && tt.send != grpccodes.OK { // grpc-go up to v1.83 leaves it to RecvMsg
					_, err = grpctest.Receive(stream)
				}
				if status.Code(err) != tt.send {
					t.Fatalf("SendMsg: %v, want %v", err, tt.send)
				}
				final := error(nil)
				if tt.send == grpccodes.OK {
					if err := stream.CloseSend(); err != nil {
						t.Errorf("CloseSend: %v", err)
					}
					grpctest.WantBody(t, stream, "as sent")
					grpctest.WantEOF(t, stream)
					grpctest.WantAttempts(t, s, 1)
				} else if _, final = grpctest.Receive(stream); final != err { //nolint:errorlint // the same one
					t.Errorf("RecvMsg: %v, want what SendMsg has returned", final)
				}
				if diff := cmp.Diff([]error{final}, f.All(), cmp.Comparer(errors.Is)); diff != "" {
					t.Errorf("OnFinish (-want +got):\n%s", diff)
				}
				var got []event
				for _, e := range w.Events {
					got = append(got, event{e.Outcome, e.Attempt, e.Failure.Class, e.Decision.Why})
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}
