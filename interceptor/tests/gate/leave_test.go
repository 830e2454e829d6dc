package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestGate_connectionCloses: a call that waits is let go when its connection closes,
// and leaves no goroutine behind, or the bubble would not end.
func TestGate_connectionCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.Hinted(time.Minute))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		time.AfterFunc(300*time.Millisecond, func() { _ = conn.Close() })
		var err error
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) }); got != 300*time.Millisecond {
			t.Errorf("it returned after %v, want 300ms", got)
		}
		if status.Code(err) != grpccodes.Canceled {
			t.Errorf("got %v, want CANCELLED as grpc says of a closed connection", err)
		}
	})
}

// TestGate_cancelled: a call that ends while it waits returns at once, gives its
// place to the next, and tells why the gate was closed.
func TestGate_cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(10 * time.Second))}
		var events gateEvents
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithGateObserver(events.observe))...)
		begin := time.Now()
		ended, errs := inParallel(10, func(i int) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 1 {
				time.AfterFunc(700*time.Millisecond, cancel) // before a scout goes
			}
			_, err := grpctest.CallUnary(ctx, conn)
			return err
		})
		for i, err := range errs {
			if i%2 == 0 {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
				continue
			}
			if took := ended[i].Sub(begin); took > 800*time.Millisecond {
				t.Errorf("call %d ended after %v, want 700ms", i, took)
			}
			if status.Code(err) != grpccodes.Canceled || !errors.Is(err, context.Canceled) {
				t.Errorf("call %d: got %v, want CANCELLED", i, err)
			}
			var final *interceptor.Error
			if !errors.As(err, &final) || status.Code(final.Unwrap()) != grpccodes.ResourceExhausted || len(final.Attempts) != 0 {
				t.Errorf("call %d: got %#v, want the refusal that closed the gate, and no attempts", i, err)
			}
		}
		if e := events.all[len(events.all)-1]; e.State != gate.Open || e.Waiting > 4 {
			t.Errorf("told %+v, want an open gate, and at most 4 who wait", e)
		}
		if s.Attempts() != 10 {
			t.Errorf("the server saw %d attempts, want 10: one refused, four scouts refused, and one for each call", s.Attempts())
		}
	})
}

// TestGate_refusesWhatCannotCome: a call whose deadline comes before its turn, and
// before a scout could save it, gets the server's status at once, with what is left of
// the time that the server has named.
func TestGate_refusesWhatCannotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(time.Minute))}
		var w retrytest.Watcher
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithObserver(w.Observe))...)
		go func() { _, _ = grpctest.CallUnary(t.Context(), conn) }()
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := grpctest.CallUnary(ctx, conn)
		var final *interceptor.Error
		if !errors.As(err, &final) || final.Why != policy.GateClosed || status.Code(err) != grpccodes.ResourceExhausted {
			t.Fatalf("got %v, want the refusal, because of the gate", err)
		}
		if want := "the calls of this quota wait together: interceptor.WithoutGate() switches this off"; final.Advice != want {
			t.Errorf("the advice is %q, want %q", final.Advice, want)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v, want none", took)
		}
		const left = 59900 * time.Millisecond
		if after, ok := interceptor.RetryAfter(err); !ok || after != left {
			t.Errorf("RetryAfter is %v, %v, want %v", after, ok, left)
		}
		const sentence = "not sent: 1m0s were asked of this quota (/grpc.testing.TestService/UnaryCall at passthrough:///bufconn), 59.9s are left; " +
			"WithoutGate() switches this off"
		if want := "/grpc.testing.TestService/UnaryCall " + sentence + ": rpc error: code = ResourceExhausted desc = quota"; err.Error() != want {
			t.Errorf("the error says %q, want %q", err, want)
		}
		want, _ := status.New(grpccodes.ResourceExhausted, sentence).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(left)})
		if diff := cmp.Diff(want.Proto(), status.Convert(err).Proto(), protocmp.Transform()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if e := w.Last(); e.Attempt != 0 || e.Outcome != interceptor.NotRetried || e.Decision.Why != policy.GateClosed {
			t.Errorf("told %+v, want a call without attempts", e)
		}
		if s.Attempts() != 1 {
			t.Errorf("the server saw %d attempts, want 1", s.Attempts())
		}
	})
}

// TestGate_waitsAMinuteWithoutDeadline: then a call goes through.
func TestGate_waitsAMinuteWithoutDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(4 * time.Minute))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = grpctest.CallUnary(ctx, conn, interceptor.MaxRetries(0)) }()
		time.Sleep(time.Second)
		begin := time.Now()
		_, err := grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		if took := time.Since(begin); took != time.Minute || status.Code(err) != grpccodes.ResourceExhausted {
			t.Errorf("got %v after %v, want the server's refusal after 1m", err, took)
		}
		cancel()
	})
}

// TestGate_leavesNothing: when a gate is at rest no timer and no goroutine is
// left, and calls take the short way again.
func TestGate_leavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(5 * time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn)
		synctest.Wait() // for goroutines of grpc on their way
		before := grpctest.Goroutines(t)
		_, _ = inParallel(50, func(int) error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
		time.Sleep(2 * time.Minute)
		_, _ = grpctest.CallUnary(t.Context(), conn)
		synctest.Wait()
		if got := grpctest.Goroutines(t); got > before {
			t.Errorf("%d goroutines, want %d", got, before)
		}
	})
}
