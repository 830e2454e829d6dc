// Package connections_test shows what calls do when their connection is not ready, closes
// or is shared with other layers, and what they know of how far an attempt has got.
package connections_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

func TestReady_theNextAttemptWaitsForTheConnection(t *testing.T) {
	// The connection is dialled anew every 50 ms.
	tests := map[string]struct {
		backoff  time.Duration
		back     time.Duration // when the server is back; zero for never
		attempts int
		took     time.Duration
		waits    []time.Duration
		fails    bool
	}{
		"a server that is back during the backoff": {
			backoff: 100 * time.Millisecond, back: 40 * time.Millisecond,
			attempts: 2, took: 100 * time.Millisecond, waits: []time.Duration{100 * time.Millisecond},
		},
		"a server that is back after 140 ms is answered by the second attempt": {
			backoff: 100 * time.Millisecond, back: 140 * time.Millisecond,
			attempts: 2, took: 150 * time.Millisecond, waits: []time.Duration{150 * time.Millisecond},
		},
		"a backoff of milliseconds wastes no attempt while grpc pauses before it dials again": {
			backoff: time.Millisecond, back: 990 * time.Millisecond,
			attempts: 2, took: time.Second, waits: []time.Duration{time.Second},
		},
		"a server that is back later than one more backoff needs a third attempt": {
			backoff: 2 * time.Second, back: 4240 * time.Millisecond,
			attempts: 3, took: 6 * time.Second, waits: []time.Duration{4 * time.Second, 2 * time.Second},
		},
		"a server that stays away is given one more backoff each time": {
			backoff: 2 * time.Second, attempts: 3, took: 8 * time.Second, waits: []time.Duration{4 * time.Second, 4 * time.Second}, fails: true,
		},
		"and at least the time in which grpc dials again": {
			backoff: 100 * time.Millisecond, attempts: 3, took: 2600 * time.Millisecond,
			waits: []time.Duration{1300 * time.Millisecond, 1300 * time.Millisecond}, fails: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				o := &grpctest.Outage{Service: &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}}
				conn := o.Connect(t, retrytest.DialOptions(append(retrytest.Network(2, tt.backoff), interceptor.WithObserver(w.Observe))...)...)
				if tt.back > 0 {
					time.AfterFunc(tt.back, o.Start)
				}
				var err error
				got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
				if (err != nil) != tt.fails || got != tt.took {
					t.Errorf("got %v after %v, want failure %t after %v", err, got, tt.fails, tt.took)
				}
				if tt.fails && status.Code(err) != grpccodes.Unavailable {
					t.Errorf("got %v, want UNAVAILABLE", err)
				}
				last := w.Last()
				var waited time.Duration
				for _, wait := range tt.waits {
					waited += wait
				}
				if last.Attempt != tt.attempts || last.Took != tt.took || last.Waited != waited {
					t.Errorf("got %d attempts in %v with waits of %v, want %d in %v with %v",
						last.Attempt, last.Took, last.Waited, tt.attempts, tt.took, waited)
				}
				if e, ok := errors.AsType[*interceptor.Error](err); ok {
					var waits []time.Duration
					for _, a := range e.Attempts[:len(e.Attempts)-1] {
						waits = append(waits, a.Wait)
					}
					if diff := cmp.Diff(tt.waits, waits); diff != "" {
						t.Errorf("waits (-want +got):\n%s", diff)
					}
				}
			})
		})
	}
}

func TestReady_endsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w retrytest.Watcher
		o := &grpctest.Outage{Service: &grpctest.Server{}}
		r := interceptor.New(append(retrytest.Network(3, time.Second), interceptor.WithObserver(w.Observe))...)
		conn := o.Connect(t, r.DialOptions()...)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1300*time.Millisecond, cancel)
		var err error
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(ctx, conn) }); got != 1300*time.Millisecond {
			t.Errorf("returned after %v, want 1.3s", got)
		}
		if status.Code(err) != grpccodes.Canceled || !errors.Is(err, context.Canceled) || status.Code(errors.Unwrap(err)) != grpccodes.Unavailable {
			t.Errorf("got %v, want CANCELLED over the last UNAVAILABLE", err)
		}
		if tokens, _ := r.Budget().Held(); tokens != 100 {
			t.Errorf("the budget holds %v tokens, want the one given back", tokens)
		}
		if last := w.Last(); last.Outcome != interceptor.Ended || last.Attempt != 1 || last.Waited != 1300*time.Millisecond {
			t.Errorf("got %v after %d attempts and waits of %v, want ended after 1 and 1.3s", last.Outcome, last.Attempt, last.Waited)
		}
	})
}

// TestReady_leavesTheLastMoment: a deadline that falls into the wait must not
// hide an UNAVAILABLE behind a DEADLINE_EXCEEDED.
func TestReady_leavesTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w retrytest.Watcher
		o := &grpctest.Outage{Service: &grpctest.Server{}}
		conn := o.Connect(t, interceptor.DialOptions(append(retrytest.Network(3, time.Second), interceptor.WithObserver(w.Observe))...)...)
		ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond)
		defer cancel()
		var err error
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(ctx, conn) }); got != 1280*time.Millisecond {
			t.Errorf("returned after %v, want 1.28s", got)
		}
		if status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v, want UNAVAILABLE", err)
		}
		if last := w.Last(); last.Outcome != interceptor.Exhausted || last.Attempt != 2 {
			t.Errorf("got %v after %d attempts, want exhausted after 2", last.Outcome, last.Attempt)
		}
	})
}

func TestReady_doesNotGoBeyondTheLimitOnElapsedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &grpctest.Outage{Service: &grpctest.Server{}}
		conn := o.Connect(t, retrytest.DialOptions(append(retrytest.Network(3, time.Second), interceptor.WithLimits(policy.Limits{MaxElapsed: 1200 * time.Millisecond}))...)...)
		var err error
		got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
		if got != 1200*time.Millisecond || status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v after %v, want UNAVAILABLE after 1.2s", err, got)
		}
	})
}

func TestReady_anIdleConnectionIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &grpctest.Outage{Service: &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}}
		o.Start()
		var tries int
		var states []connectivity.State
		within := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			states = append(states, cc.GetState())
			if tries++; tries == 1 { // before the connection is used at all
				return status.Error(grpccodes.Unavailable, "connection error: desc = \"refused\"")
			}
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		r := interceptor.New(append(retrytest.Network(1, time.Second), interceptor.WithRand(func() float64 { return 0 }))...)
		conn := o.Connect(t, append(r.DialOptions(), grpc.WithChainUnaryInterceptor(within))...)
		got := grpctest.Took(func() {
			if _, err := grpctest.CallUnary(t.Context(), conn, interceptor.Repeatable()); err != nil {
				t.Error(err)
			}
		})
		if diff := cmp.Diff([]connectivity.State{connectivity.Idle, connectivity.Ready}, states); diff != "" || got != time.Second {
			t.Errorf("after %v: states (-want +got):\n%s", got, diff)
		}
	})
}

func TestReady_leavesNothingBehindWhenTheConnectionIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &retrytest.CountingClock{}
		o := &grpctest.Outage{Service: &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}}
		conn := o.Connect(t, retrytest.DialOptions(append(retrytest.Network(1, time.Second), interceptor.WithClock(clock))...)...)
		parent := &retrytest.OpaqueContext{Context: t.Context(), Ended: make(chan struct{})}
		defer close(parent.Ended)
		before := 0
		for n := range 10 {
			o.Stop()
			synctest.Wait()
			time.AfterFunc(1500*time.Millisecond, o.Start)
			if _, err := grpctest.CallUnary(parent, conn); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			switch now := grpctest.Goroutines(t); {
			case n == 0:
				before = now
			case now > before:
				t.Errorf("got %d goroutines after %d recoveries, want the %d there were after the first", now, n+1, before)
			}
		}
		if n := clock.Pending.Load(); n != 0 {
			t.Errorf("%d of %d timers are left", n, clock.Made.Load())
		}
	})
}

func TestReady_aConnectionThatIsClosedOrMissingIsNotWaitedFor(t *testing.T) {
	refused := status.Error(grpccodes.Unavailable, "connection error: desc = \"refused\"")
	t.Run("missing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := interceptor.New(append(retrytest.Network(1, time.Second), interceptor.WithRand(retrytest.NoSpread))...)
			var n int
			fail := func(_ context.Context, _ string, _, _ any, _ *grpc.ClientConn, opts ...grpc.CallOption) error {
				n++
				return grpctest.Finished(opts, refused)
			}
			got := grpctest.Took(func() { _ = r.Unary()(t.Context(), grpctest.UnaryMethod, nil, nil, nil, fail) })
			if n != 2 || got != time.Second {
				t.Errorf("got %d attempts in %v, want 2 in 1s", n, got)
			}
		})
	})
	t.Run("closed during the wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := &grpctest.Outage{Service: &grpctest.Server{}}
			conn := o.Connect(t, retrytest.DialOptions(retrytest.Network(3, time.Second)...)...)
			time.AfterFunc(500*time.Millisecond, func() { _ = conn.Close() })
			var err error
			got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
			if got != 500*time.Millisecond || status.Code(err) != grpccodes.Canceled {
				t.Errorf("got %v after %v, want the end of the connection after 500ms", err, got)
			}
		})
	})
}

func TestReady_overTCPAServerThatComesBackAnswersTheSecondAttempt(t *testing.T) {
	var listening net.ListenConfig
	listener, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)})
	defer srv.Stop()
	clock := &firstAtOnce{then: func() { // the server is back when the backoff is over, and not before
		listener, err := listening.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _ = srv.Serve(listener) }()
	}}
	var w retrytest.Watcher
	o := &grpctest.Outage{}
	conn := o.Connect(t, append(retrytest.DialOptions(append(retrytest.Network(1, time.Minute), interceptor.WithObserver(w.Observe), interceptor.WithClock(clock))...),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}))...)
	if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := w.Last(); got.Attempt != 2 || got.Outcome != interceptor.Recovered {
		t.Errorf("got %v after %d attempts, want recovered after 2", got.Outcome, got.Attempt)
	}
}

// firstAtOnce is a clock whose first timer fires at once, after then has been
// called; the others are real.
type firstAtOnce struct {
	then  func()
	began atomic.Bool
}

func (c *firstAtOnce) Now() time.Time { return time.Now() }

func (c *firstAtOnce) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	if c.began.CompareAndSwap(false, true) {
		return time.AfterFunc(0, func() {
			c.then()
			f()
		}).Stop
	}
	return time.AfterFunc(d, f).Stop
}
