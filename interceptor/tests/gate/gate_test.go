// Package gate_test shows how the calls of a connection wait together at the gate of a
// quota or of a server in trouble.
package gate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// quotaUntil refuses until a time of the bubble, and says how long that is.
func quotaUntil(open time.Time) grpctest.UnaryHandler {
	return func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if left := time.Until(open); left > 0 {
			return nil, grpctest.Hinted(left)
		}
		return &testpb.SimpleResponse{Username: "u"}, nil
	}
}

// gateEvents keeps what a gate tells.
type gateEvents struct {
	mu  sync.Mutex
	all []interceptor.GateEvent
}

func (g *gateEvents) observe(e interceptor.GateEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, e)
}

func (g *gateEvents) states() (states []gate.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.all {
		states = append(states, e.State)
	}
	return states
}

// inParallel makes n calls, each started a millisecond after the one before it,
// and returns when each ended, in the order in which they were started.
func inParallel(n int, call func(i int) error) (ended []time.Time, errs []error) {
	ended, errs = make([]time.Time, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = call(i)
			ended[i] = time.Now()
		})
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	return ended, errs
}

// TestGate_oneRefusalForAll: after the first refusal the calls that follow wait
// instead of being refused too; then they leave in the order in which they came.
func TestGate_oneRefusalForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(10 * time.Second))}
		var events gateEvents
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithGateObserver(events.observe))...)
		begin := time.Now()
		ended, errs := inParallel(20, func(int) error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if got := s.Attempts(); got != 25 {
			t.Errorf("the server saw %d attempts, want 25: one refused, four scouts refused, and one for each call", got)
		}
		if first := ended[0].Sub(begin); first < 10*time.Second || first > 12500*time.Millisecond {
			t.Errorf("the first call ended after %v, want 10s to 12.5s", first)
		}
		if !slices.IsSortedFunc(ended, time.Time.Compare) {
			t.Error("the calls did not end in the order in which they came")
		}
		if want := []gate.State{gate.Closed, gate.Open}; !slices.Equal(events.states(), want) {
			t.Errorf("told of %v, want %v", events.states(), want)
		}
		if e := events.all[0]; e.Key != grpctest.UnaryMethod || e.Failure.Class != codes.Quota || e.Until.Before(begin.Add(10*time.Second)) {
			t.Errorf("told %+v, want the key, the failure and a time", e)
		}
		if e := events.all[1]; e.Waiting < 15 || e.Pace <= 0 {
			t.Errorf("told %+v, want who waits and a pace", e)
		}
	})
}

// TestGate_withoutGate: every call finds out by itself.
func TestGate_withoutGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(10 * time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithoutGate())...)
		_, errs := inParallel(20, func(int) error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
		if err := errors.Join(errs...); err != nil || s.Attempts() != 40 {
			t.Errorf("got %v and %d attempts, want two for each of 20 calls", err, s.Attempts())
		}
	})
}

// TestGate_outage: with FleetGate an outage costs a channel some probes, and every
// call that has the time gets through.
func TestGate_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		down := func() bool {
			since := time.Since(begin)
			return since > 10*time.Second && since < 40*time.Second
		}
		s := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if down() {
				return nil, grpctest.ErrOverloaded
			}
			time.Sleep(100 * time.Millisecond)
			return &testpb.SimpleResponse{}, nil
		}}
		var events gateEvents
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithConfig(policy.FleetConfig()), interceptor.WithGateObserver(events.observe))...)
		var wg sync.WaitGroup
		errs := make([]error, 600)
		for i := range errs { // 10 calls a second for a minute
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, errs[i] = grpctest.CallUnary(ctx, conn, interceptor.Repeatable())
			})
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if got := s.Attempts(); got > 640 {
			t.Errorf("the server saw %d attempts of 600 calls, want at most 640", got)
		}
		states := events.states()
		if len(states) < 2 || states[0] != gate.Probing || states[len(states)-1] != gate.Open {
			t.Errorf("told of %v, want it probing first and open at last", states)
		}
	})
}

// TestGate_race: many calls that are refused, wait, are cancelled and succeed
// beside each other, on the runtime's clock: all of them end.
func TestGate_race(t *testing.T) {
	var mu sync.Mutex
	n := 0
	s := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n%7 == 0 {
			return nil, grpctest.Hinted(5 * time.Millisecond)
		}
		if n%11 == 0 {
			return nil, grpctest.ErrOverloaded
		}
		return &testpb.SimpleResponse{}, nil
	}}
	table := retrytest.AtOnce(5)
	conn := grpctest.Serve(t, s, interceptor.DialOptions(
		interceptor.WithTable(table), interceptor.WithGate(policy.GateConfig{
			Hints: true, Probes: true, Again: time.Millisecond, MinSpread: time.Millisecond, ProbeBase: time.Millisecond, ProbeMax: 10 * time.Millisecond,
		}),
		interceptor.WithGateObserver(func(interceptor.GateEvent) {}), interceptor.WithoutBudget(),
	)...)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 10 {
				timeout := 10 * time.Second
				if (i+j)%3 == 0 {
					timeout = time.Duration(1+j) * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				_, err := grpctest.CallUnary(ctx, conn, interceptor.Repeatable())
				cancel()
				if _, ok := status.FromError(err); !ok {
					t.Errorf("got %v, want a status", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatal("some calls still wait")
	}
}

// TestGate_optionsInvalid: a figure that makes no sense is an error that names it.
func TestGate_optionsInvalid(t *testing.T) {
	for want, o := range map[string]interceptor.Option{
		"policy: gate: headroom 0.5: want >= 1":    interceptor.WithGate(policy.GateConfig{Headroom: 0.5}),
		"interceptor: WithGateKey: nil: want":      interceptor.WithGateKey(nil),
		"interceptor: WithGateObserver: nil: want": interceptor.WithGateObserver(nil),
		"interceptor: WithBreaker: nil: want":      interceptor.WithBreaker(nil),
	} {
		if got := grpctest.MustPanic(t, func() { interceptor.New(o) }); !strings.Contains(got, want) {
			t.Errorf("panics with %q, want %q", got, want)
		}
	}
}

// TestGate_oneCallAfterTheOther: a caller that makes one call after the other waits
// for the time that the server has named, and for nothing else.
func TestGate_oneCallAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(40 * time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithRand(retrytest.NoSpread))...)
		begin := time.Now()
		for range 20 {
			if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(begin); got != 40*time.Second {
			t.Errorf("20 calls took %v, want 40s", got)
		}
	})
}
