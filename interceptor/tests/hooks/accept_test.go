package hooks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// emptyAtFirst answers with nothing in it for so many attempts.
func emptyAtFirst(attempts int) func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if n <= attempts {
			return &testpb.SimpleResponse{Username: ""}, nil
		}
		return &testpb.SimpleResponse{Username: "answer"}, nil
	}
}

// wantsName takes replies with a name, and says err of others.
func wantsName(err error) interceptor.CallOption {
	return interceptor.WithAccept(func(_ string, reply any) error {
		if m, ok := reply.(*testpb.SimpleResponse); ok && m.GetUsername() == "" {
			return err
		}
		return nil
	})
}

func TestAccept_unary(t *testing.T) {
	hinted, err := status.New(grpccodes.ResourceExhausted, "none left").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(40 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		err      error
		call     []grpc.CallOption
		empty    int
		attempts int
		took     time.Duration
		class    codes.Class
		why      policy.Why // of the end; zero for success
	}{
		{"as overloaded", status.Error(grpccodes.Unavailable, "no answer"), nil, 2, 3, 6 * time.Second, codes.Server, policy.Unknown},
		{"for ever", status.Error(grpccodes.Unavailable, "no answer"), nil, 9, 4, 14 * time.Second, codes.Server, policy.ClassExhausted},
		{"as wrong", status.Error(grpccodes.InvalidArgument, "no answer"), nil, 9, 1, 0, codes.Request, policy.NeverRetried},
		{"as nothing known", errors.New("no answer"), nil, 1, 2, time.Second, codes.Other, policy.Unknown},
		{"with a hint", hinted.Err(), nil, 1, 2, 40 * time.Second, codes.Quota, policy.Unknown},
		{
			"of what must not run twice", status.Error(grpccodes.Unavailable, "no answer"),
			[]grpc.CallOption{interceptor.NotRepeatable()},
			1, 1, 0, codes.Server, policy.NotRepeatable,
		},
		{"of what must not run twice, by a quota", hinted.Err(), []grpc.CallOption{interceptor.NotRepeatable()}, 1, 1, 0, codes.Quota, policy.NotRepeatable},
		{"and switched off", errors.New("no answer"), []grpc.CallOption{interceptor.WithAccept(nil)}, 1, 1, 0, codes.None, policy.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Unary: emptyAtFirst(tt.empty)}
			var w retrytest.Watcher
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				var reply *testpb.SimpleResponse
				var err error
				if got := grpctest.Took(func() { reply, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, tt.call...) }); got != tt.took {
					t.Errorf("it took %v, want %v", got, tt.took)
				}
				grpctest.WantAttempts(t, s, tt.attempts)
				if last := w.Last(); last.Failure.Class != tt.class || (tt.why != policy.Unknown && last.Decision.Why != tt.why) {
					t.Errorf("got %v, %v, want %v, %v", last.Failure.Class, last.Decision.Why, tt.class, tt.why)
				}
				if tt.why == policy.Unknown {
					if err != nil || (reply.GetUsername() == "") != (tt.class == codes.None) {
						t.Errorf("got %v, %v", reply, err)
					}
					return
				}
				if want := status.Code(tt.err); status.Code(err) != want || reply.GetUsername() != "" {
					t.Errorf("got %v, want the status %v of the function", err, want)
				}
			}, wantsName(tt.err), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))
		})
	}
}

// TestAccept_isNoSuccess: a reply that was not taken earns nothing.
func TestAccept_isNoSuccess(t *testing.T) {
	b := retrytest.Budget(t, 2, 1)
	s := &grpctest.Server{Unary: emptyAtFirst(9)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		grpctest.WantAttempts(t, s, 3)
		retrytest.WantTokens(t, b, 0)
	}, wantsName(grpctest.ErrOverloaded), interceptor.Repeatable(), interceptor.WithBudget(b))
}

// TestAccept_streams: those with one reply when it is there, those of messages
// if they end without one.
func TestAccept_streams(t *testing.T) {
	for _, kind := range grpctest.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts, asked := 0, 0
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					attempts = n
					body := grpctest.ReadAll(stream)
					switch {
					case n == 1 && kind.HasOneReply():
						return stream.SendMsg(grpctest.Chunk(""))
					case n == 1:
						return nil
					}
					return stream.SendMsg(grpctest.Chunk(body))
				}, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithAccept(func(_ string, reply any) error {
					asked++
					if m, ok := reply.(*testpb.StreamingOutputCallResponse); !ok || len(m.GetPayload().GetBody()) == 0 {
						return grpctest.ErrOverloaded
					}
					return nil
				})))
				stream := grpctest.OpenRaw(t, conn, kind.Desc)
				_ = stream.SendMsg(grpctest.Ask("a"))
				_ = stream.CloseSend()
				grpctest.WantBody(t, stream, "a")
				grpctest.WantEOF(t, stream)
				want := 1 // nothing is asked about a message of several
				if kind.HasOneReply() {
					want = 2
				}
				if attempts != 2 || asked != want {
					t.Errorf("%d attempts, asked %d times, want 2 and %d", attempts, asked, want)
				}
			})
		})
		t.Run(kind.Name+", after the header was shown", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
					_ = grpctest.ReadAll(stream)
					_ = stream.SendHeader(grpctest.OddHeader())
					if kind.HasOneReply() {
						return stream.SendMsg(grpctest.Chunk(""))
					}
					return nil
				}, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithAccept(func(string, any) error {
					t.Error("asked about a stream that is committed")
					return grpctest.ErrOverloaded
				})))
				stream := grpctest.OpenRaw(t, conn, kind.Desc)
				_ = stream.SendMsg(grpctest.Ask("a"))
				_ = stream.CloseSend()
				if md, err := stream.Header(); md == nil || err != nil {
					t.Fatalf("Header: %v, %v", md, err)
				}
				if err := stream.RecvMsg(grpctest.Chunk("")); kind.HasOneReply() != (err == nil) {
					t.Errorf("RecvMsg: %v", err)
				}
			})
		})
		t.Run(kind.Name+", the end found in Header", func(t *testing.T) {
			if kind.HasOneReply() {
				t.Skip("a stream with one reply does not end well without it")
			}
			synctest.Test(t, func(t *testing.T) {
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					_ = grpctest.ReadAll(stream) // or SendMsg may find the end, after which nothing is retried
					if n == 1 {
						return nil
					}
					return stream.SendMsg(grpctest.Chunk("one"))
				}, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithAccept(func(string, any) error { return grpctest.ErrOverloaded })))
				stream := grpctest.OpenRaw(t, conn, kind.Desc)
				_ = stream.SendMsg(grpctest.Ask("a"))
				_ = stream.CloseSend()
				_, _ = stream.Header()
				grpctest.WantBody(t, stream, "one")
				grpctest.WantEOF(t, stream)
			})
		})
	}
}
