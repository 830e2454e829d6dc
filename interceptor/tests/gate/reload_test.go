package gate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestGate_reload: a gate that is switched off by a reload lets go whoever waits, and
// closes no more; one that is switched on closes; probes that are switched on work.
func TestGate_reload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.DefaultConfig()
		live, err := policy.NewLive(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var events gateEvents
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute))}
		conn := grpctest.Serve(t, s, interceptor.DialOptions(interceptor.WithLive(live), interceptor.WithGateObserver(events.observe), interceptor.WithRand(retrytest.NoSpread))...)
		set := func(g policy.GateConfig) {
			cfg.Gate = g
			if err := live.Store(cfg); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		time.AfterFunc(500*time.Millisecond, func() { set(policy.GateConfig{}) })
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) }); got != 500*time.Millisecond || err != nil {
			t.Errorf("got %v after %v, want success when the gate was switched off", err, got)
		}
		s.Unary = grpctest.RefuseAlways(grpctest.Hinted(time.Minute))
		before := len(events.states())
		for range 5 {
			_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		}
		if got := events.states()[before:]; len(got) > 0 {
			t.Errorf("told of %v while the gate was off, want nothing", got)
		}
		s.Unary = grpctest.RefuseFirst(0, nil)
		set(policy.FleetGate())
		for range 20 {
			_, _ = grpctest.CallUnary(t.Context(), conn)
			time.Sleep(100 * time.Millisecond)
		}
		s.Unary = grpctest.RefuseAlways(grpctest.ErrOverloaded)
		before = len(events.states())
		for range 4 {
			go func() { _, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0)) }()
			time.Sleep(10 * time.Millisecond)
		}
		if got := events.states()[before:]; len(got) != 1 || got[0] != gate.Probing {
			t.Errorf("told of %v in trouble after probes were switched on, want probing", got)
		}
	})
}

// TestGate_reloadLeavesNoTrace: a Retrier that is gone is told of no reload.
func TestGate_reloadLeavesNoTrace(t *testing.T) {
	live, err := policy.NewLive(policy.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	stop := live.OnStore(func() { calls++ })
	if err := live.Store(policy.FleetConfig()); err != nil || calls != 1 {
		t.Errorf("got %v and %d calls, want 1", err, calls)
	}
	stop()
	if err := live.Store(policy.Config{Limits: policy.Limits{MaxAttempts: -1}}); err == nil {
		t.Error("a wrong configuration was stored")
	}
	if err := live.Store(policy.DefaultConfig()); err != nil || calls != 1 {
		t.Errorf("got %v and %d calls after stop, want 1", err, calls)
	}
}
