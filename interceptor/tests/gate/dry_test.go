package gate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestGateDryRun_holdsNobody: no call waits for the gate and none is turned away; the
// gate closes and reopens, and the log says what it would have done.
func TestGateDryRun_holdsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		var events gateEvents
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(20*time.Second))}
		last := func() float64 { return 0.99 } // the first scout goes after 1.25 s
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(&j), interceptor.WithRand(last), interceptor.WithGateObserver(events.observe))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		if _, err := grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0)); err == nil {
			t.Fatal("the first call succeeded")
		}
		for range 3 {
			if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(t.Context(), conn) }); got != 0 {
				t.Errorf("a call waited %v, want none", got)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if _, err := grpctest.CallUnary(ctx, conn); err != nil {
				t.Errorf("got %v of a call with little time, want success", err)
			}
			cancel()
		}
		if n := r.Gates(); n.Closed != 1 || n.Waiting != 3 {
			t.Errorf("got %+v, want one closed gate, at which three calls would wait", n)
		}
		time.Sleep(time.Minute)
		if got := j.With("dry run: Quota: gate closed for"); len(got) != 1 {
			t.Errorf("%d lines say that it closed, want one: %q", len(got), j.With(""))
		}
		if got := events.states(); !slices.Equal(got, []gate.State{gate.Closed, gate.Open}) || !events.all[0].DryRun {
			t.Errorf("told of %v, want a closing and a reopening of a dry run", got)
		}
		const dry = "INFO [RETRY] dry run: the gate of " + grpctest.UnaryMethod + " at passthrough:///bufconn would have "
		held, away := j.With(dry+"held this call of "+grpctest.UnaryMethod+" for 1."), j.With(dry+"turned this call of "+grpctest.UnaryMethod+" away, 20s before its turn; it succeeded")
		if len(held) != 3 || len(away) != 3 {
			t.Errorf("%d lines of calls that would have waited and %d of others that would have been turned away, want 3 and 3: %q", len(held), len(away), j.With(""))
		}
		if n := r.Gates(); n.WouldHold != 6 || n.InVain != 6 || n.Waiting != 0 {
			t.Errorf("got %+v, want 6 of 6 calls in vain", n)
		}
	}) // the bubble would not end if a timer were left
}

// TestGateDryRun_judges: a call that is refused at once would have been held with reason,
// and the refusal keeps the gate closed as it would have.
func TestGateDryRun_judges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(20 * time.Second))}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(&j), interceptor.WithLogLimit(0), interceptor.WithRand(retrytest.NoSpread))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		for range 12 {
			if _, err := grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0)); err == nil {
				t.Error("a call succeeded before the time that the server named")
			}
			time.Sleep(time.Second)
		}
		if n := r.Gates(); n.Closed != 1 {
			t.Errorf("after 12 refusals: %+v, want a closed gate: no scout was accepted", n)
		}
		time.Sleep(time.Minute)
		n := r.Gates()
		if n.WouldHold < 8 || n.InVain > 0 {
			t.Errorf("got %+v, want most of 12 calls, none in vain", n)
		}
		if got := j.With("DEBUG [RETRY] dry run: the gate of"); len(got) != n.WouldHold || !strings.Contains(got[0], "; it was refused") {
			t.Errorf("got %q, want %d lines of calls that were refused", got, n.WouldHold)
		}
	})
}

// TestGateDryRun_scouts: the shadow of a call is the scout that opens the gate.
func TestGateDryRun_scouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute))}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(&j))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		for range 20 {
			_, _ = grpctest.CallUnary(t.Context(), conn)
			time.Sleep(250 * time.Millisecond)
		}
		if got := j.With("dry run: gate reopened"); len(got) != 1 || !strings.Contains(got[0], "the server took a call before the time that it had named") {
			t.Errorf("got %q, want a reopening by a scout", got)
		}
	})
}

// TestGateDryRun_deadlines: what would have waited does so no longer than its deadline.
func TestGateDryRun_deadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			switch n {
			case 1:
				return nil, status.Error(grpccodes.ResourceExhausted, "quota exceeded")
			case 2:
				time.Sleep(900 * time.Millisecond) // from now on a call is accepted after 3.6 s without an answer
				return nil, status.Error(grpccodes.ResourceExhausted, "quota exceeded")
			}
			time.Sleep(time.Minute)
			return &testpb.SimpleResponse{}, nil
		}}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithRand(retrytest.NoSpread), interceptor.WithGate(policy.FleetGate()))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		for range 2 {
			_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
			time.Sleep(time.Second)
		}
		go func() { _, _ = grpctest.CallUnary(t.Context(), conn) }()
		time.Sleep(time.Millisecond)
		for range 20 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_, _ = grpctest.CallUnary(ctx, conn)
			}()
		}
		time.Sleep(2900 * time.Millisecond)
		if n := r.Gates().Waiting; n != 20 {
			t.Errorf("%d calls would wait, want 20 behind the probe", n)
		}
		time.Sleep(200 * time.Millisecond)
		if n := r.Gates().Waiting; n != 0 {
			t.Errorf("%d calls would wait after the deadline of all, want none", n)
		}
		time.Sleep(2 * time.Minute)
	})
}

// TestGateDryRun_dice: a function of the caller's runs without the lock.
func TestGateDryRun_dice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *interceptor.Retrier
		dice := func() float64 {
			if r != nil {
				r.Gates()
			}
			return 0
		}
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(20 * time.Second))}
		r = interceptor.New(interceptor.WithGateDryRun(), interceptor.WithRand(dice))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		for range 10 {
			go func() { _, _ = grpctest.CallUnary(t.Context(), conn) }()
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Minute)
	})
}

// TestGateDryRun_atOnce: many calls of many keys at once.
func TestGateDryRun_atOnce(t *testing.T) {
	type tenant struct{}
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			second := time.Now().Second() % 10
			time.Sleep(time.Duration(n%7) * 30 * time.Millisecond)
			switch {
			case second < 3:
				return nil, grpctest.Hinted(time.Duration(3-second) * time.Second)
			case second == 5:
				return nil, grpctest.ErrOverloaded
			}
			return &testpb.SimpleResponse{}, nil
		}}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithGate(policy.FleetGate()), interceptor.WithoutBudget(), interceptor.WithGateKey(func(ctx context.Context, _ string) string {
			return fmt.Sprint(ctx.Value(tenant{}))
		}))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		var wg sync.WaitGroup
		for i := range 600 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), tenant{}, i%6), time.Duration(1+i%9)*time.Second)
				defer cancel()
				_, _ = grpctest.CallUnary(ctx, conn, interceptor.Repeatable())
			})
			time.Sleep(10 * time.Millisecond)
		}
		wg.Wait()
		time.Sleep(9 * time.Second) // the deadlines of all are over
		if n := r.Gates().Waiting; n != 0 {
			t.Errorf("%d calls would wait after the deadlines of all", n)
		}
		time.Sleep(5 * time.Minute)
		if n := r.Gates(); n.Waiting != 0 || n.Closed+n.Probing != 0 || n.WouldHold == 0 {
			t.Errorf("got %+v, want gates that are at rest, after calls that they would have held", n)
		}
	})
}
