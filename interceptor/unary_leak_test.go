package interceptor_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

func TestUnary_nothingIsLeftAfterFailedCalls(t *testing.T) {
	tests := map[string]struct {
		up    bool
		opts  []interceptor.Option
		until time.Duration // the caller's patience; zero for endless
	}{
		"of a server that fails":             {up: true},
		"of a server that is down":           {},
		"cancelled during the wait":          {up: true, until: time.Second},
		"cancelled while waiting for READY":  {until: 1500 * time.Millisecond},
		"tried once":                         {up: true, opts: []interceptor.Option{interceptor.Disable()}},
		"of a server that fails, unobserved": {up: true, opts: []interceptor.Option{interceptor.WithoutEvidence()}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := &retrytest.CountingClock{}
				o := &grpctest.Outage{Service: &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}}
				if tt.up {
					o.Start()
				}
				opts := append(retrytest.Network(2, time.Second), interceptor.Repeatable(), interceptor.WithClock(clock), interceptor.WithoutBudget())
				conn := o.Connect(t, retrytest.DialOptions(append(opts, tt.opts...)...)...)
				_, _ = grpctest.CallUnary(t.Context(), conn) // connects, or finds out that it cannot
				synctest.Wait()
				before := grpctest.Goroutines(t)
				parent := &retrytest.OpaqueContext{Context: t.Context(), Ended: make(chan struct{})}
				for range 20 {
					ctx, cancel := context.Context(parent), func() {}
					if tt.until > 0 {
						ctx, cancel = context.WithTimeout(parent, tt.until)
						// The deadline is ours: it must not make the call end before its wait.
						ctx = noDeadline{ctx}
					}
					if _, err := grpctest.CallUnary(ctx, conn); err == nil {
						t.Fatal("got no error")
					}
					cancel()
				}
				synctest.Wait()
				if after := grpctest.Goroutines(t); after > before {
					t.Errorf("got %d goroutines after 20 calls, want the %d there were before", after, before)
				}
				if n := clock.Pending.Load(); n != 0 {
					t.Errorf("%d of %d timers are left", n, clock.Made.Load())
				}
				close(parent.Ended)
			})
		})
	}
}

// noDeadline is a context that does not tell its deadline.
type noDeadline struct{ context.Context }

func (noDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }

func TestUnary_noGoroutineIsLeftAfterFailedCallsOverTCP(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)})
	go func() { _ = srv.Serve(listener) }()
	defer srv.Stop()
	before := runtime.NumGoroutine()
	conn, err := grpc.NewClient(listener.Addr().String(), append(retrytest.DialOptions(interceptor.WithTable(retrytest.AtOnce(3)), interceptor.Repeatable()),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := grpctest.CallUnary(t.Context(), conn); status.Code(err) != grpccodes.Unavailable {
			t.Fatalf("got %v, want UNAVAILABLE", err)
		}
	}
	_ = conn.Close()
	for range 2000 { // the connection's own goroutines take a moment to end
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
		<-time.After(time.Millisecond)
	}
	t.Errorf("got %d goroutines after the connection was closed, want %d", runtime.NumGoroutine(), before)
}
