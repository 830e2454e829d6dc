package hooks_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// tally is a breaker that counts what it has allowed and what it was told of.
type tally struct{ allowed, told, twice atomic.Int64 }

func (l *tally) Allow() (func(error), error) {
	l.allowed.Add(1)
	var once atomic.Bool
	return func(error) {
		if once.Swap(true) {
			l.twice.Add(1)
		}
		l.told.Add(1)
	}, nil
}

// settled fails the test unless the breaker was told of every attempt once.
func (l *tally) settled(t *testing.T, atLeast int64) {
	t.Helper()
	if a, d, w := l.allowed.Load(), l.told.Load(), l.twice.Load(); a != d || w != 0 || a < atLeast {
		t.Errorf("allowed %d attempts, told of %d, twice of %d: want as many of at least %d, and none twice", a, d, w, atLeast)
	}
}

// panicking is a unary interceptor for the right of ours whose attempt n ends with f.
func panicking(n int32, f func()) grpc.DialOption {
	var attempts atomic.Int32
	return grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if attempts.Add(1) == n {
			f()
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	})
}

// TestPlace_isGivenBackOnce: the breaker is told of every attempt that it has allowed,
// once, however the attempt and its call end.
func TestPlace_isGivenBackOnce(t *testing.T) {
	down := grpctest.RefuseAlways(grpctest.ErrOverloaded)
	large := make([]byte, 300<<10)
	for name, c := range map[string]struct {
		opts    []interceptor.Option
		dial    []grpc.DialOption
		unary   func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error)
		run     func(t *testing.T, r *interceptor.Retrier, client testpb.TestServiceClient)
		atLeast int64
	}{
		"a stream that is cancelled and not read": {run: func(t *testing.T, _ *interceptor.Retrier, client testpb.TestServiceClient) {
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := client.FullDuplexCall(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			time.Sleep(time.Millisecond)
		}},
		"a stream past its replay buffer that is cancelled and not read": {run: func(t *testing.T, _ *interceptor.Retrier, client testpb.TestServiceClient) {
			ctx, cancel := context.WithCancel(t.Context())
			stream, err := client.StreamingInputCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.Send(&testpb.StreamingInputCallRequest{Payload: &testpb.Payload{Body: large}})
			cancel()
			time.Sleep(time.Millisecond)
		}},
		"a stream that is neither read nor cancelled": {run: func(t *testing.T, _ *interceptor.Retrier, client testpb.TestServiceClient) {
			if _, err := client.FullDuplexCall(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30*time.Second + time.Millisecond)
		}},
		"a stream past its replay buffer that is read to its end": {run: func(t *testing.T, _ *interceptor.Retrier, client testpb.TestServiceClient) {
			stream, err := client.FullDuplexCall(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.Send(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: large}})
			_ = stream.CloseSend()
			for err == nil {
				_, err = stream.Recv()
			}
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}},
		"a refresh that fails": {
			opts:  []interceptor.Option{interceptor.WithRefresh(func(context.Context) error { return errors.New("no") })},
			unary: grpctest.RefuseAlways(status.Error(grpccodes.Unauthenticated, "who?")),
		},
		"a function that panics": {run: func(t *testing.T, r *interceptor.Retrier, _ testpb.TestServiceClient) {
			o := grpctest.EndingOf(func() error { return r.Do(t.Context(), "f", func(context.Context) error { panic("f") }) })
			if o.Panicked != "f" {
				t.Errorf("got %+v, want the panic", o)
			}
		}},
		"a function that ends its goroutine": {run: func(t *testing.T, r *interceptor.Retrier, _ testpb.TestServiceClient) {
			if o := grpctest.EndingOf(func() error {
				return r.Do(t.Context(), "f", func(context.Context) error { runtime.Goexit(); return nil })
			}); !o.Exited {
				t.Errorf("got %+v, want the end of the goroutine", o)
			}
		}},
		"a panic on the right":               {dial: []grpc.DialOption{panicking(1, func() { panic("f") })}},
		"a panic on the right in a retry":    {dial: []grpc.DialOption{panicking(2, func() { panic("f") })}, unary: down, atLeast: 2},
		"an end of the goroutine in a retry": {dial: []grpc.DialOption{panicking(2, runtime.Goexit)}, unary: down, atLeast: 2},
		"hedges, of which one wins":          {opts: hedges(), unary: slowFirst, atLeast: 2},
		"hedges that fail":                   {opts: hedges(), unary: down, atLeast: 3},
		"hedges, of which one panics":        {opts: hedges(), unary: slowFirst, dial: []grpc.DialOption{panicking(2, func() { panic("f") })}, atLeast: 2},
		"a hedge that cannot be one": {run: func(t *testing.T, _ *interceptor.Retrier, client testpb.TestServiceClient) {
			if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.NotRepeatable(), interceptor.WithHedge(time.Second, 2)); status.Code(err) != grpccodes.InvalidArgument {
				t.Errorf("got %v, want INVALID_ARGUMENT", err)
			}
		}},
		"a fallback": {
			opts: []interceptor.Option{interceptor.MaxRetries(1), interceptor.WithFallback(
				func(context.Context, interceptor.FailedCall) (any, error) { return &testpb.SimpleRequest{}, nil })},
			unary: down, atLeast: 3,
		},
		"a hook that panics": {
			opts:  []interceptor.Option{interceptor.WithObserver(func(context.Context, interceptor.Event) { panic("f") })},
			unary: down,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &tally{}
				r := interceptor.New(append(c.opts, interceptor.WithRand(retrytest.NoSpread), interceptor.Repeatable(), interceptor.WithBreaker(l))...)
				s := &grpctest.Server{Unary: c.unary}
				conn := grpctest.Serve(t, s, append(r.DialOptions(), c.dial...)...)
				if c.run == nil {
					c.run = func(t *testing.T, _ *interceptor.Retrier, _ testpb.TestServiceClient) {
						grpctest.EndingOf(func() error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
					}
				}
				c.run(t, r, testpb.NewTestServiceClient(conn))
				l.settled(t, max(c.atLeast, 0))
				if got, _ := r.Budget().Held(); got < 94 {
					t.Errorf("the budget holds %v tokens, want all that were not spent", got)
				}
			})
		})
	}
}

// hedges has up to three attempts, one a second.
func hedges() []interceptor.Option {
	return []interceptor.Option{interceptor.WithHedge(time.Second, 3)}
}

// slowFirst answers the first attempt after a minute and the others at once.
func slowFirst(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if n == 1 {
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
	}
	return &testpb.SimpleResponse{}, nil
}

var errTripped = errors.New("tripped")

// allowing is a breaker that allows n attempts.
type allowing struct {
	n     int64
	asked atomic.Int64
}

func (a *allowing) Allow() (func(error), error) {
	if a.asked.Add(1) > a.n {
		return nil, errTripped
	}
	return func(error) {}, nil
}

// TestFallback_asksTheBreaker: the attempt with another request is not made while the
// breaker is open.
func TestFallback_asksTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
		other := interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { return &testpb.SimpleRequest{}, nil })
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.MaxRetries(0), other, interceptor.WithBreaker(&allowing{n: 1}))...)
		_, err := grpctest.CallUnary(t.Context(), conn, interceptor.Repeatable())
		if s.Attempts() != 1 || !errors.Is(err, errTripped) || status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v after %d attempts, want the breaker after 1", err, s.Attempts())
		}
	})
}

// TestPlace_aLateRefusalIsHeard: a stream that was silent for longer than its place is
// kept still tells the gate when it is refused.
func TestPlace_aLateRefusalIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
			time.Sleep(time.Minute)
			return grpctest.Hinted(time.Minute)
		}}
		l := &tally{}
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.MaxRetries(0), interceptor.WithBreaker(l))
		stream, err := testpb.NewTestServiceClient(grpctest.Serve(t, s, r.DialOptions()...)).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != grpccodes.ResourceExhausted {
			t.Errorf("got %v, want the refusal", err)
		}
		if got := r.Gates(); got.Closed != 1 {
			t.Errorf("got %+v, want a closed gate", got)
		}
		l.settled(t, 1)
	})
}
