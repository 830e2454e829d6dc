package quotas_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestQuotas_namedInVain: a program with a few calls a second meets a server that refuses its
// first calls, names a limit far below the calls, and then accepts everything. The name costs
// no call, and next to no time.
func TestQuotas_namedInVain(t *testing.T) {
	const s = time.Second
	for _, deadline := range []time.Duration{5 * s, 20 * s, 60 * s, 0} {
		for _, hint := range []time.Duration{s / 5, 2 * s, 10 * s, 38 * s} {
			t.Run(fmt.Sprintf("hints of %v, deadlines of %v", hint, deadline), func(t *testing.T) {
				first := func(n int64, _ time.Duration) bool { return n <= 3 }
				plainly, plainWait := ordinary(t, hint, deadline, false, first)
				named, wait := ordinary(t, hint, deadline, true, first)
				t.Logf("%d of 240 calls fail, the others wait %v; unnamed %d and %v", named, wait, plainly, plainWait)
				if named > plainly+2 {
					t.Errorf("%d calls fail, want at most 2 more than the %d without a name", named, plainly)
				}
				if wait > plainWait+time.Second {
					t.Errorf("calls wait %v, want at most 1s more than the %v without a name", wait, plainWait)
				}
			})
		}
	}
}

// TestQuotas_namedLong: after some calls the server refuses all for a while, and names a limit
// that does not hold afterwards. Calls in a hurry do not wait for it.
func TestQuotas_namedLong(t *testing.T) {
	for _, refused := range []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second} {
		until := func(_ int64, since time.Duration) bool { return since > 4*time.Second && since < 4*time.Second+refused }
		runs := int64(20)
		if grpctest.RaceEnabled { // which is for races
			runs = 2
		}
		var plainly, named int64
		for range runs {
			n, _ := ordinary(t, time.Second/5, 3*time.Second, false, until)
			plainly += n
			n, _ = ordinary(t, time.Second/5, 3*time.Second, true, until)
			named += n
		}
		if t.Logf("%d of 240 calls fail, unnamed %d", named/runs, plainly/runs); named > plainly+5*runs {
			t.Errorf("%d calls fail, want at most 5 more than the %d without a name", named/runs, plainly/runs)
		}
	}
}

// ordinary makes 240 calls, 4 a second, to a server that refuses some. It returns how many
// failed, and the mean wait of the others.
func ordinary(t *testing.T, hint, deadline time.Duration, tells bool, refuses func(n int64, since time.Duration) bool) (failed int64, wait time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		began := time.Now()
		q := &quota{requests: 10, tells: tells}
		conn := grpctest.Serve(t, &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if refuses(asked.Add(1), time.Since(began)) {
				return nil, q.refusal(hint)
			}
			return &testpb.SimpleResponse{}, nil
		}}, interceptor.DialOptions()...)
		var wg sync.WaitGroup
		var fails, waited atomic.Int64
		for range 240 {
			wg.Go(func() {
				ctx := t.Context()
				if deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, deadline)
					defer cancel()
				}
				began := time.Now()
				if _, err := grpctest.CallUnary(ctx, conn, interceptor.Repeatable()); err != nil {
					fails.Add(1)
					return
				}
				waited.Add(int64(time.Since(began)))
			})
			time.Sleep(time.Second / 4)
		}
		wg.Wait()
		failed = fails.Load()
		wait = time.Duration(waited.Load() / max(240-failed, 1))
	})
	return failed, wait
}

// TestQuotas_guessed: a limit of tokens that a refusal names holds calls back only if the caller
// says what calls take.
func TestQuotas_guessed(t *testing.T) {
	told := interceptor.WithCost(func(_ string, req any) policy.Cost {
		return policy.Cost{Tokens: int64(proto.Size(req.(proto.Message)) / 4)}
	})
	for holds, opts := range map[bool][]interceptor.Option{false: nil, true: {told}} {
		inWorld(t, nil, func(w *world) {
			w.answer = func(n int) error {
				if n == 2 {
					q := &quota{tokens: 150, tells: true, scarce: 1}
					return q.refusal(s)
				}
				return nil
			}
			call := func() error { return w.ask(w.Context(), 100) }
			allAtOnce(w.T, call, call, call, call, call)
			if last := w.at[len(w.at)-1]; (last >= 2*s) != holds {
				w.Errorf("requests arrived at %v, want the last after 2s: %t", w.at, holds)
			}
		}, opts...)
	}
}
