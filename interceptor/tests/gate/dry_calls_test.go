package gate_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestGateDryRun_keepsNoCall: however slow the log is, no call has to tell of all others.
func TestGateDryRun_keepsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute))}
		slow := logging.LoggerFunc(func(context.Context, logging.Level, string, ...any) { time.Sleep(10 * time.Millisecond) })
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(slow))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		var slowest atomic.Int64 // calls
		var wg sync.WaitGroup
		for range 400 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // it would be turned away
				defer cancel()
				if grpctest.Took(func() { _, _ = grpctest.CallUnary(ctx, conn) }) > 100*time.Millisecond {
					slowest.Add(1)
				}
			})
			time.Sleep(2 * time.Millisecond)
		}
		wg.Wait()
		if n := slowest.Load(); n > 0 {
			t.Errorf("%d calls took more than 100 ms, want no call that takes more than some lines of the log", n)
		}
		time.Sleep(5 * time.Minute)
		if n := r.Gates(); n.WouldHold < 100 {
			t.Errorf("got %+v, want most of 400 calls", n)
		}
	})
}

// TestGateDryRun_leftOut: a summary of lines at Debug is one at Debug.
func TestGateDryRun_leftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(time.Minute))}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(&j), interceptor.WithLogLimit(10), interceptor.MaxRetries(0))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // it would be turned away
			_, _ = grpctest.CallUnary(ctx, conn)
			cancel()
		}
		time.Sleep(5 * time.Minute)
		if got := j.With("lines left out"); len(got) == 0 || len(j.With("DEBUG")) < 10 || !strings.HasPrefix(got[0], "DEBUG ") {
			t.Errorf("got %q, want a summary at Debug", got)
		}
	})
}

// TestGateDryRun_otherAnswers: what a fallback answers is not what the server would have
// answered, and a call that fails in another way leaves nothing behind.
func TestGateDryRun_otherAnswers(t *testing.T) {
	for name, opt := range map[string]interceptor.CallOption{
		"another request": interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) {
			return &testpb.SimpleRequest{FillUsername: true}, nil
		}),
		"a reply of its own": interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { return nil, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events gateEvents
				s := &grpctest.Server{Unary: func(_ context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
					if in.GetFillUsername() {
						return &testpb.SimpleResponse{}, nil
					}
					return nil, grpctest.Hinted(time.Minute)
				}}
				r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithGateObserver(events.observe), interceptor.WithRand(retrytest.NoSpread), interceptor.MaxRetries(0))
				conn := grpctest.Serve(t, s, r.DialOptions()...)
				for range 30 {
					if _, err := grpctest.CallUnary(t.Context(), conn, opt); err != nil {
						t.Fatal(err)
					}
					time.Sleep(500 * time.Millisecond)
				}
				if n := r.Gates(); n.Closed != 1 || n.Waiting == 0 {
					t.Errorf("got %+v, want a closed gate: every call was refused", n)
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				for _, e := range events.all {
					if !e.Doubted.IsZero() {
						t.Error("the server is said to have taken a call that it refused")
					}
				}
				if n := r.Gates(); n.Waiting != 0 || n.WouldHold < 25 || n.InVain > 0 {
					t.Errorf("got %+v, want most of 30 calls, rightly", n)
				}
			})
		})
	}
}

// TestGateDryRun_attempts: each attempt is told of by its number, and the answer to one
// whose gate has gone meanwhile closes another.
func TestGateDryRun_attempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			switch n {
			case 1, 3:
				return nil, grpctest.Hinted(50 * time.Second)
			case 2:
				return nil, grpctest.ErrOverloaded
			}
			return &testpb.SimpleResponse{}, nil
		}}
		late := interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: 5 * time.Minute, Max: 5 * time.Minute, Multiplier: 1})
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(&j), interceptor.WithRand(retrytest.NoSpread), interceptor.Repeatable(), late)
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := j.With("dry run: Quota: gate closed"); len(got) != 2 {
			t.Errorf("it closed %d times, want 2: %q", len(got), j.With("dry run"))
		}
		if got := j.With("would have held this call of"); len(got) != 1 || !strings.Contains(got[0], "it failed (Server)") {
			t.Errorf("got %q, want one line of the first attempt", got)
		}
	})
}

// TestGateDryRun_late: a refusal that comes when the gate of its call has long gone closes
// another.
func TestGateDryRun_late(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if n == 2 {
				time.Sleep(10 * time.Minute)
			}
			return nil, grpctest.Hinted(50 * time.Second)
		}}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(&j), interceptor.MaxRetries(0))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		for range 2 {
			_, _ = grpctest.CallUnary(t.Context(), conn)
		}
		time.Sleep(5 * time.Minute)
		if got := j.With("dry run: Quota: gate closed"); len(got) != 2 {
			t.Errorf("it closed %d times, want 2: %q", len(got), j.With("dry run"))
		}
	})
}

// TestGateDryRun_streams: a stream goes at once, and its first message is the answer.
func TestGateDryRun_streams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n == 1 {
				return grpctest.Hinted(20 * time.Second)
			}
			if err := out.Send(&testpb.StreamingOutputCallResponse{}); err != nil {
				return err
			}
			time.Sleep(5 * time.Second)
			return nil
		}}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithRand(func() float64 { return 0.99 }), interceptor.Repeatable())
		client := testpb.NewTestServiceClient(grpctest.Serve(t, s, r.DialOptions()...))
		read := func(opts ...grpc.CallOption) (first time.Duration, err error) {
			began := time.Now()
			stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{}, opts...)
			for err == nil {
				if _, err = stream.Recv(); first == 0 {
					first = time.Since(began) + 1
				}
			}
			return first, err
		}
		_, _ = read(interceptor.MaxRetries(0))
		if first, err := read(); first != 1 {
			t.Errorf("the first message came after %v with %v, want it at once", first, err)
		}
		time.Sleep(time.Minute)
		if n := r.Gates(); n.WouldHold != 1 || n.InVain != 1 {
			t.Errorf("got %+v, want one call in vain", n)
		}
	})
}
