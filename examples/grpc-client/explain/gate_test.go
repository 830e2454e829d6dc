package explain

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestExplain_gate: what the gate does with each kind of failure, as configured.
func TestExplain_gate(t *testing.T) {
	const noTime, fleet, off = "RESOURCE_EXHAUSTED: quota exceeded", "gate: {hints: true, probes: true}\n", "gate: {hints: false}\n"
	for name, tt := range map[string]struct {
		failure, file string
		want          string // empty for nothing
	}{
		"a hint":                    {"RESOURCE_EXHAUSTED: Please retry in 8s.", "", "closes for all calls of this quota on the connection, for 8s to 10s"},
		"a hint, no gate":           {"RESOURCE_EXHAUSTED: Please retry in 8s.", off, ""},
		"a hint that is too long":   {"RESOURCE_EXHAUSTED: Please retry in 9000s.", "", ""},
		"a hint shorter than turns": {"RESOURCE_EXHAUSTED: Please retry in 0.2s.", "", "for 200ms to 450ms"},
		"no hint":                   {noTime, "", ""},
		"no hint, a fleet":          {noTime, fleet, "one call goes through after 250ms to 500ms to find out"},
		"trouble":                   {"UNAVAILABLE: busy", "", ""},
		"trouble, a fleet":          {"UNAVAILABLE: busy", fleet, "after 3 such failures in a row, if 5 calls had succeeded in the minute before"},
		"a request":                 {"INVALID_ARGUMENT: no", fleet, ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"-explain", tt.failure}
			if tt.file != "" {
				args = append(args, "-table", fileWith(t, "gate.yaml", tt.file))
			}
			out, errs, status := runProgram(t, "", args...)
			if status != exit.OK {
				t.Fatalf("status %d: %s", status, errs)
			}
			_, got, closes := strings.Cut(out, "\ngate ")
			if closes != (tt.want != "") || !strings.Contains(got, tt.want) || (closes && !strings.Contains(got, "WithoutGate() switches it off")) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestExplain_gateIsTheRealOne: the figures are those of the gate of a Retrier.
func TestExplain_gateIsTheRealOne(t *testing.T) {
	for _, hint := range []time.Duration{200 * time.Millisecond, 8 * time.Second, 38 * time.Second} {
		explained := closingOf(policy.DefaultGate(), codes.Failure{Class: codes.Quota, Delay: hint, Asked: true})
		for dice, want := range map[float64]struct{ opens, scout time.Duration }{
			0:        {explained.opens.first, explained.scout.first},
			lastDice: {explained.opens.last, explained.scout.last},
		} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var opens time.Duration
				r := interceptor.New(interceptor.WithRand(func() float64 { return dice }), interceptor.WithGateObserver(func(e interceptor.GateEvent) {
					if e.State == gate.Closed && opens == 0 {
						opens = e.Until.Sub(began)
					}
				}))
				var mu sync.Mutex
				var first time.Duration
				call := func(opts ...interceptor.CallOption) error {
					return r.Do(t.Context(), "f", func(context.Context) error {
						mu.Lock()
						defer mu.Unlock()
						if first == 0 {
							first = time.Since(began)
						}
						return server.PerMinute(hint)
					}, opts...)
				}
				_ = call(interceptor.MaxRetries(0))
				mu.Lock()
				first = 0
				mu.Unlock()
				for range 3 {
					go func() { _ = call(interceptor.MaxRetries(0)) }()
				}
				time.Sleep(2 * time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if opens != want.opens || first != min(want.scout, want.opens) {
					t.Errorf("hint %v, dice %v: it opens after %v, and the first call goes through after %v; explained are %v and %v", hint, dice, opens, first, want.opens, want.scout)
				}
			})
		}
		for left, away := range map[time.Duration]bool{explained.alone: true, explained.alone + 50*time.Millisecond: false} {
			if left == 0 {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				r := interceptor.New(interceptor.WithRand(func() float64 { return lastDice }))
				calls := 0
				f := func(context.Context) error { calls++; return server.PerMinute(hint) }
				_ = r.Do(t.Context(), "f", f, interceptor.MaxRetries(0))
				ctx, cancel := context.WithTimeout(t.Context(), left)
				defer cancel()
				began := time.Now()
				_ = r.Do(ctx, "f", f, interceptor.MaxRetries(0))
				if atOnce := time.Since(began) == 0; atOnce != away {
					t.Errorf("hint %v, %v left: turned away at once: %v, want %v", hint, left, atOnce, away)
				}
				time.Sleep(2 * time.Minute)
			})
		}
	}
}
