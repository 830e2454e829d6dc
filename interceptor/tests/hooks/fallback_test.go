package hooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// errSpent is a quota that does not refill soon.
var errSpent = status.Error(grpccodes.ResourceExhausted, "You have exceeded your quota. limit: 0")

// models fails requests for the first model with first, and those for the other
// with the errors of other before it answers.
func models(first error, other ...error) *grpctest.Server {
	n := 0
	return &grpctest.Server{Unary: func(_ context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if string(in.GetPayload().GetBody()) != "other" {
			return nil, first
		}
		if n++; n <= len(other) {
			return nil, other[n-1]
		}
		return &testpb.SimpleResponse{Username: "other"}, nil
	}}
}

// toOther asks another model.
func toOther(_ context.Context, x interceptor.FailedCall) (any, error) {
	next := proto.Clone(x.Request.(*testpb.SimpleRequest)).(*testpb.SimpleRequest)
	next.Payload = &testpb.Payload{Body: []byte("other")}
	return next, nil
}

func TestFallback_unary(t *testing.T) {
	denied := status.Error(grpccodes.PermissionDenied, "no")
	lost := status.Error(grpccodes.Internal, "An internal error has occurred.")
	for _, tt := range []struct {
		name     string
		server   *grpctest.Server
		call     []grpc.CallOption
		attempts int
		took     time.Duration
		code     grpccodes.Code
	}{
		{"at once, for a spent quota", models(errSpent), nil, 2, 0, grpccodes.OK},
		{"when the retries are exhausted", models(grpctest.ErrOverloaded), nil, 5, 14 * time.Second, grpccodes.OK},
		{"under the same rules", models(grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded), nil, 7, 20 * time.Second, grpccodes.OK},
		{"one level deep", models(errSpent, errSpent), nil, 2, 0, grpccodes.ResourceExhausted},
		{"not for what is not the quota's fault", models(denied), nil, 1, 0, grpccodes.PermissionDenied},
		{"not where it may have run", models(lost), []grpc.CallOption{interceptor.NotRepeatable()}, 1, 0, grpccodes.Internal},
		{"not where retries are off", models(errSpent), []grpc.CallOption{interceptor.Disable()}, 1, 0, grpccodes.ResourceExhausted},
		{"not where it is off", models(errSpent), []grpc.CallOption{interceptor.WithFallback(nil)}, 1, 0, grpccodes.ResourceExhausted},
		{"at once, where nothing is to be retried", models(grpctest.ErrOverloaded), []grpc.CallOption{interceptor.MaxRetries(0)}, 2, 0, grpccodes.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w retrytest.Watcher
			retrytest.Bubble(t, tt.server, func(t *testing.T, client testpb.TestServiceClient) {
				req := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("first")}}
				var reply *testpb.SimpleResponse
				var err error
				if got := grpctest.Took(func() { reply, err = client.UnaryCall(t.Context(), req, tt.call...) }); got != tt.took {
					t.Errorf("it took %v, want %v", got, tt.took)
				}
				grpctest.WantAttempts(t, tt.server, tt.attempts)
				if status.Code(err) != tt.code || (err == nil) != (reply.GetUsername() == "other") {
					t.Errorf("got %v, %v, want %v", reply, err, tt.code)
				}
				if string(req.GetPayload().GetBody()) != "first" {
					t.Error("the caller's request was changed")
				}
				fell := tt.attempts > 1
				if last := w.Last(); last.Fallback != fell || last.Attempt != tt.attempts {
					t.Errorf("the event of the call says fallback %v, attempt %d, want %v, %d", last.Fallback, last.Attempt, fell, tt.attempts)
				}
				if e, ok := errors.AsType[*interceptor.Error](err); ok && fell {
					var marks []bool
					for _, a := range e.Attempts {
						marks = append(marks, a.Fallback)
					}
					if diff := cmp.Diff([]bool{false, true}, marks); diff != "" {
						t.Errorf("which attempts were the fallback's (-want +got):\n%s", diff)
					}
				}
			}, interceptor.WithFallback(toOther), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))
		})
	}
}

func TestFallback_fillsTheReply(t *testing.T) {
	var w retrytest.Watcher
	var log retrytest.Lines
	retrytest.Bubble(t, models(errSpent), func(t *testing.T, client testpb.TestServiceClient) {
		reply, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if err != nil || reply.GetUsername() != "from the cache" {
			t.Errorf("got %v, %v", reply, err)
		}
		if last := w.Last(); last.Outcome != interceptor.Recovered || !last.Fallback || last.Attempt != 1 || last.Failure.Class != codes.Spent {
			t.Errorf("got %+v, want a call that has recovered by its fallback after one attempt", last)
		}
		if !strings.Contains(log.Text(), "[RETRY] Spent: fallback after attempt 1") {
			t.Errorf("got %q, want a line about it", log.Text())
		}
	}, interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
		x.Reply.(*testpb.SimpleResponse).Username = "from the cache"
		return nil, nil
	}), interceptor.WithObserver(w.Observe), log.Option())
}

func TestFallback_declines(t *testing.T) {
	errNone := errors.New("no other region is up")
	for name, tt := range map[string]struct {
		decline   func(error) error
		untouched bool
	}{
		"with the error of the call": {func(err error) error { return err }, true},
		"with another":               {func(error) error { return errNone }, false},
	} {
		t.Run(name, func(t *testing.T) {
			retrytest.Bubble(t, models(errSpent), func(t *testing.T, client testpb.TestServiceClient) {
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				retrytest.WantStatus(t, err, grpccodes.ResourceExhausted, status.Convert(errSpent).Message())
				if retrytest.Untouched(err) != tt.untouched || errors.Is(err, errNone) == tt.untouched {
					t.Errorf("got %v, untouched %v, want %v", err, retrytest.Untouched(err), tt.untouched)
				}
			}, interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) { return nil, tt.decline(x.Err) }))
		})
	}
}

func TestFallback_answersThatMakeNoSense(t *testing.T) {
	for name, next := range map[string]any{
		"got a request of type *grpc_testing.Empty: want a *grpc_testing.SimpleRequest": &testpb.Empty{},
		"got a nil *grpc_testing.SimpleRequest":                                         (*testpb.SimpleRequest)(nil),
		"got a request of type string":                                                  "text",
	} {
		t.Run(name, func(t *testing.T) {
			s := models(errSpent)
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				if status.Code(err) != grpccodes.Internal || !strings.Contains(err.Error(), "interceptor: WithFallback: "+name) {
					t.Errorf("got %v, want INTERNAL: %s", err, name)
				}
				if e, ok := errors.AsType[*interceptor.Error](err); !ok || e.Why != policy.HookFailed || status.Code(e.Unwrap()) != grpccodes.ResourceExhausted {
					t.Errorf("got %v, want the server's failure behind it", err)
				}
				grpctest.WantAttempts(t, s, 1)
			}, interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { return next, nil }))
		})
	}
}

func TestFallback_do(t *testing.T) {
	r := interceptor.New(interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
		if x.Method != "fetch" || x.Request != nil || x.Reply != nil {
			t.Errorf("got %+v", x)
		}
		return nil, nil
	}))
	synctest.Test(t, func(t *testing.T) {
		n := 0
		err := r.Do(t.Context(), "fetch", func(context.Context) error {
			n++
			return errSpent
		})
		if err != nil || n != 1 {
			t.Errorf("got %v after %d calls, want success after one", err, n)
		}
	})
}

// TestFallback_streams: the first message is replaced, those behind it follow
// as they were; and once something was shown there is no way back.
func TestFallback_streams(t *testing.T) {
	fallback := interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
		if body := string(x.Request.(*testpb.StreamingOutputCallRequest).GetPayload().GetBody()); body != "first" {
			t.Errorf("the request is %q, want the first message", body)
		}
		return grpctest.Ask("other"), nil
	})
	for _, kind := range grpctest.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					body := grpctest.ReadAll(stream)
					if n == 1 {
						return errSpent
					}
					return stream.SendMsg(grpctest.Chunk(body))
				}, retrytest.DialOptions(fallback))
				stream := grpctest.OpenRaw(t, conn, kind.Desc)
				want := "other"
				_ = stream.SendMsg(grpctest.Ask("first"))
				if kind.Desc.ClientStreams {
					_ = stream.SendMsg(grpctest.Ask("second"))
					want = "other, second"
				}
				_ = stream.CloseSend()
				grpctest.WantBody(t, stream, want)
				grpctest.WantEOF(t, stream)
			})
		})
	}
	t.Run("not after commitment", func(t *testing.T) {
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			_ = grpctest.SendAll(out, "one")
			return errSpent
		}}
		retrytest.Setup{Options: []interceptor.Option{interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) {
			t.Error("asked after commitment")
			return grpctest.Ask("other"), nil
		})}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			bodies, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn))
			if len(bodies) != 1 || status.Code(err) != grpccodes.ResourceExhausted {
				t.Errorf("got %v, %v", bodies, err)
			}
		})
	})
	t.Run("a stream has no reply to fill", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errSpent})}
		retrytest.Setup{Options: []interceptor.Option{interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) {
			return nil, nil
		})}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			_, err := grpctest.Receive(grpctest.Open(t, t.Context(), conn))
			if status.Code(err) != grpccodes.Internal || !strings.Contains(err.Error(), "WithFallback") {
				t.Errorf("got %v, want INTERNAL", err)
			}
		})
	})
}
