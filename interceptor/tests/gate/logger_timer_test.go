package gate_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// touchy is a logger that, once it is armed, panics when it is given a line that is not
// of one call.
type touchy struct {
	retrytest.Journal
	armed  atomic.Bool
	panics atomic.Int64
}

func (l *touchy) Log(ctx context.Context, level logging.Level, msg string, fields ...any) {
	if ofNoCall := strings.Contains(msg, "gate reopened") || strings.Contains(msg, "WithGateObserver") ||
		strings.Contains(msg, "left out") || strings.Contains(msg, "would have held"); ofNoCall && l.armed.Load() {
		l.panics.Add(1)
		panic("the disk is full")
	}
	l.Journal.Log(ctx, level, msg, fields...)
}

// TestLogger_panicsOnATimer: a logger that panics where no call is there to be failed
// ends neither the process nor what the gate does, and a second logger has the line.
func TestLogger_panicsOnATimer(t *testing.T) {
	for name, tt := range map[string]struct {
		opts  []interceptor.Option
		begin func(t *testing.T, r *interceptor.Retrier)
		line  string
	}{
		"when a gate reopens": {
			begin: func(t *testing.T, r *interceptor.Retrier) { closeByHint(t.Context(), r, nil) },
			line:  "gate reopened for f",
		},
		"after the observer of the gate": {
			opts:  []interceptor.Option{interceptor.WithGateObserver(func(interceptor.GateEvent) { panic("no") })},
			begin: func(t *testing.T, r *interceptor.Retrier) { closeByHint(t.Context(), r, nil) },
			line:  "the function of WithGateObserver panicked",
		},
		"when a second is over in which lines were left out": {
			opts: []interceptor.Option{interceptor.WithLogLimit(1)},
			begin: func(t *testing.T, r *interceptor.Retrier) {
				for range 5 {
					_ = r.Do(t.Context(), "f", down, interceptor.MaxRetries(0))
				}
			},
			line: "lines left out",
		},
		"in a dry run": {
			opts: []interceptor.Option{interceptor.WithGateDryRun(), interceptor.WithRand(func() float64 { return 0.99 })}, // the first scout goes after more than a second
			begin: func(t *testing.T, r *interceptor.Retrier) {
				closeByHint(t.Context(), r, nil)
				for range 5 {
					_ = doing(t.Context(), r, func() error { return nil })
				}
			},
			line: "would have held",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clock.NewFake(time.Now())
				var bad touchy
				var good retrytest.Journal
				r := interceptor.New(append([]interceptor.Option{
					interceptor.WithClock(c), interceptor.WithRand(retrytest.NoSpread), interceptor.WithLogger(&bad), interceptor.WithLogger(&good),
				}, tt.opts...)...)
				tt.begin(t, r)
				good.Take()
				waits := make(chan error, 1)
				if r.Gates().Closed > 0 { // else there is no timer of it
					go func() {
						o := grpctest.EndingOf(func() error { return doing(t.Context(), r, func() error { return nil }) })
						if o.Panicked != nil {
							o.Err = fmt.Errorf("a call has panicked: %v", o.Panicked)
						}
						waits <- o.Err
					}()
				} else {
					waits <- nil
				}
				synctest.Wait()
				bad.armed.Store(true)
				for range 70 {
					advanceSafely(t, c, time.Second)
				}
				synctest.Wait()
				bad.armed.Store(false)
				if bad.panics.Load() == 0 {
					t.Error("the logger did not panic")
				}
				if got := strings.Join(good.Take(), "\n"); !strings.Contains(got, tt.line) {
					t.Errorf("the second logger has %q, want %q", got, tt.line)
				}
				select {
				case err := <-waits:
					if err != nil {
						t.Error(err)
					}
				default:
					t.Errorf("a call still waits: %+v", r.Gates())
				}
			})
		})
	}
}
