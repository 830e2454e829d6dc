package hooks_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// wallet holds a cached token, and an interceptor on the right that sends it.
type wallet struct {
	token     atomic.Int64
	refreshes atomic.Int64
	running   atomic.Int64
}

func (w *wallet) refresh(ctx context.Context) error {
	if w.running.Add(1) > 1 {
		return errors.New("two refreshes at a time")
	}
	defer w.running.Add(-1)
	w.refreshes.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	w.token.Add(1)
	return nil
}

func (w *wallet) tokened(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "token", strconv.FormatInt(w.token.Load(), 10))
}

func (w *wallet) options() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoker(w.tokened(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return streamer(w.tokened(ctx), desc, cc, method, opts...)
		}),
	}
}

// guarded is a server that wants a token.
func guarded(want *atomic.Int64, refusal error) *grpctest.Server {
	refuse := func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		if got := md.Get("token"); len(got) != 1 || got[0] != strconv.FormatInt(want.Load(), 10) {
			return refusal
		}
		return nil
	}
	return &grpctest.Server{
		Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{}, refuse(ctx)
		},
		Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := refuse(out.Context()); err != nil {
				return err
			}
			return grpctest.SendAll(out, "one")
		},
	}
}

var errToken = status.Error(grpccodes.Unauthenticated, "The token was revoked.")

func TestRefresh_aThousandCallsRefreshOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var want atomic.Int64
		var w wallet
		s := guarded(&want, errToken)
		conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.WithRefresh(w.refresh)), w.options()...)...)
		for round := range int64(3) {
			want.Store(round)
			var calls sync.WaitGroup
			for i := range 1000 {
				calls.Go(func() {
					var err error
					if i%2 == 0 {
						_, err = grpctest.CallUnary(t.Context(), conn)
					} else {
						_, err = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
					}
					if err != nil {
						t.Errorf("round %d, call %d: %v", round, i, err)
					}
				})
			}
			calls.Wait()
			if got := w.refreshes.Load(); got != round {
				t.Errorf("round %d: %d refreshes, want %d", round, got, round)
			}
		}
	})
}

func TestRefresh_oncePerCall(t *testing.T) {
	var want atomic.Int64
	want.Store(9)
	var w wallet
	var seen retrytest.Watcher
	s := guarded(&want, errToken)
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.WithRefresh(w.refresh), interceptor.WithObserver(seen.Observe)), w.options()...)...)
		_, err := grpctest.CallUnary(t.Context(), conn)
		retrytest.WantStatus(t, err, grpccodes.Unauthenticated, "The token was revoked.")
		if w.refreshes.Load() != 1 || s.Attempts() != 2 {
			t.Errorf("%d refreshes, %d attempts, want 1 and 2", w.refreshes.Load(), s.Attempts())
		}
		if whys := seen.Whys(); len(whys) < 1 || whys[0] != policy.Refresh {
			t.Errorf("got %v, want to begin with %v", whys, policy.Refresh)
		}
	})
}

// TestRefresh_withoutOne: an expired token alone is worth another attempt.
func TestRefresh_withoutOne(t *testing.T) {
	expired := grpctest.WithInfo(t, grpccodes.Unauthenticated, "expired", "ACCESS_TOKEN_EXPIRED")
	for name, tt := range map[string]struct {
		err      error
		attempts int
	}{"revoked": {errToken, 1}, "expired": {expired, 2}} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(tt.err)}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				if got := grpctest.Took(func() { _, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}) }); got != 0 {
					t.Errorf("it took %v, want no wait", got)
				}
				grpctest.WantAttempts(t, s, tt.attempts)
			})
		})
	}
}

func TestRefresh_thatFails(t *testing.T) {
	errVault := errors.New("the vault is sealed")
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(errToken)}
	b := retrytest.Budget(t, 10, 0)
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		retrytest.WantStatus(t, err, grpccodes.Unauthenticated, "The token was revoked.")
		e, ok := errors.AsType[*interceptor.Error](err)
		if !ok || e.Why != policy.RefreshFailed || !errors.Is(err, errVault) || !strings.Contains(err.Error(), "WithRefresh: the vault is sealed") {
			t.Errorf("got %v, want the server's refusal with the reason of the refresh", err)
		}
		grpctest.WantAttempts(t, s, 1)
		retrytest.WantTokens(t, b, 10)
	}, interceptor.WithRefresh(func(context.Context) error { return errVault }), interceptor.WithBudget(b))
}

// TestRefresh_belongsToAllWhoWait: the call that began it may leave; the last one
// ends it.
func TestRefresh_belongsToAllWhoWait(t *testing.T) {
	var ended time.Duration
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(errToken)}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithRefresh(func(ctx context.Context) error {
			<-ctx.Done()
			ended = time.Since(began)
			return ctx.Err()
		}))...)
		var calls sync.WaitGroup
		for i := range 5 {
			calls.Go(func() {
				after, began := time.Duration(i+1)*time.Second, time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				_, err := grpctest.CallUnary(ctx, conn)
				if status.Code(err) != grpccodes.DeadlineExceeded || time.Since(began) != after || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("call %d: got %v after %v, want its own deadline", i, err, time.Since(began))
				}
				if !strings.Contains(err.Error(), "The token was revoked.") {
					t.Errorf("call %d: got %v, want what the server has said in it", i, err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		calls.Wait()
		synctest.Wait()
		if want := 5*time.Second + 4*time.Millisecond; ended != want && ended != 5*time.Second {
			t.Errorf("the refresh was ended after %v, want with the last call, after 5s", ended)
		}
	})
}

// TestRefresh_afterADelay: a server that names a time is waited for, and the
// credentials are fresh all the same.
func TestRefresh_afterADelay(t *testing.T) {
	var want atomic.Int64
	want.Store(1)
	var w wallet
	s := guarded(&want, refusedAs(t, grpccodes.Unauthenticated, 5*time.Second))
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.WithRefresh(w.refresh)), w.options()...)...)
		var err error
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) }); err != nil || got != 6*time.Second {
			t.Errorf("got %v after %v, want success after 5s and a second of refreshing", err, got)
		}
	})
}

// refusedAs returns a status with a RetryInfo.
func refusedAs(t *testing.T, code grpccodes.Code, delay time.Duration) error {
	t.Helper()
	st, err := status.New(code, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}
