// Package hooks_test shows what becomes of the functions that the program gives (accept,
// fallback, refresh, breaker) and of the places that attempts take, with hedges and without.
package hooks_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// hooks are the options that take a function which the call waits for; each of
// them does what misbehave does.
func hooks(misbehave func()) map[string]interceptor.Option {
	return map[string]interceptor.Option{
		"WithAccept": interceptor.WithAccept(func(string, any) error {
			misbehave()
			return nil
		}),
		"WithFallback": interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) {
			misbehave()
			return nil, nil
		}),
		"WithResume": interceptor.WithResume(func(context.Context, interceptor.Interrupted) (proto.Message, bool) {
			misbehave()
			return nil, false
		}),
		"WithRefresh": interceptor.WithRefresh(func(context.Context) error {
			misbehave()
			return nil
		}),
	}
}

// needs is a server that makes a call need the hook, once.
func needs(hook string, first *bool) *grpctest.Server {
	fault := map[string]error{"WithFallback": errSpent, "WithRefresh": errToken, "WithResume": grpctest.ErrOverloaded}[hook]
	once := func() error {
		if *first {
			*first = false
			return fault
		}
		return nil
	}
	return &grpctest.Server{
		Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{}, once()
		},
		Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if hook == "WithResume" {
				_ = grpctest.SendAll(out, "one")
			}
			return once()
		},
	}
}

// TestHooks_thatMisbehave: a function that panics, that ends its goroutine, or
// that never returns harms its own call alone.
func TestHooks_thatMisbehave(t *testing.T) {
	for way, misbehave := range map[string]func(release chan struct{}){
		"panics":              func(chan struct{}) { panic("ouch") },
		"ends its goroutine":  func(chan struct{}) { runtime.Goexit() },
		"blocks":              func(release chan struct{}) { <-release },
		"blocks a while only": func(chan struct{}) { time.Sleep(time.Hour) },
	} {
		for _, hook := range []string{"WithAccept", "WithFallback", "WithResume", "WithRefresh"} {
			for _, kind := range []string{"unary", "stream"} {
				if hook == "WithResume" && kind == "unary" {
					continue
				}
				t.Run(hook+" "+way+", "+kind, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						release, first := make(chan struct{}), true
						var good atomic.Bool
						option := hooks(func() {
							if !good.Load() {
								misbehave(release)
							}
						})[hook]
						conn := grpctest.Serve(t, needs(hook, &first), retrytest.DialOptions(option, interceptor.Repeatable())...)
						call := func(ctx context.Context) error {
							if kind == "unary" {
								_, err := grpctest.CallUnary(ctx, conn)
								return err
							}
							_, err := grpctest.Drain(grpctest.Open(t, ctx, conn))
							return err
						}
						ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
						defer cancel()
						var err error
						after := grpctest.Took(func() { err = call(ctx) })
						if strings.HasPrefix(way, "blocks") {
							if status.Code(err) != grpccodes.DeadlineExceeded || after != 30*time.Second {
								t.Errorf("got %v after %v, want DEADLINE_EXCEEDED at the deadline", err, after)
							}
						} else if status.Code(err) != grpccodes.Internal || !strings.Contains(err.Error(), "interceptor: "+hook+": ") || after > time.Second {
							t.Errorf("got %v after %v, want INTERNAL that names %s", err, after, hook)
						}
						good.Store(true)
						if err := call(t.Context()); err != nil {
							t.Errorf("the call after it: %v, want success", err)
						}
						close(release)
						time.Sleep(2 * time.Hour)
						synctest.Wait()
					})
				})
			}
		}
	}
}

// TestHooks_doNotRaceWithTheReply: a function that is left behind may still be
// looking at the reply, or filling it.
func TestHooks_doNotRaceWithTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := models(errSpent)
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
			time.Sleep(time.Minute)
			x.Reply.(*testpb.SimpleResponse).Username = "late"
			return nil, nil
		}))...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := grpctest.CallUnary(ctx, conn, grpc.WaitForReady(false)); status.Code(err) != grpccodes.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Minute)
	})
}
