package hook_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
)

// TestRun: whatever a function does, Run returns, and says what is wrong.
func TestRun(t *testing.T) {
	for name, tt := range map[string]struct {
		f      func()
		want   string
		failed bool
		after  time.Duration
	}{
		"a function that returns":    {func() {}, "", false, 0},
		"that panics":                {func() { panic("lost") }, "interceptor: WithX: the function panicked: lost", true, 0},
		"that ends its goroutine":    {runtime.Goexit, "interceptor: WithX: the function has ended its goroutine: want it to return", true, 0},
		"that returns at the end":    {func() { time.Sleep(time.Second - 1) }, "", false, time.Second - 1},
		"that outlives the deadline": {func() { time.Sleep(time.Minute) }, "context deadline exceeded", false, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				err := hook.Run(ctx, "WithX", tt.f)
				got := ""
				if err != nil {
					got = err.Error()
				}
				if took := time.Since(began); got != tt.want || hook.Failed(err) != tt.failed || took != tt.after {
					t.Errorf("got %q, a hook's %v, after %v, want %q, %v, after %v", got, hook.Failed(err), took, tt.want, tt.failed, tt.after)
				}
				if code := status.Code(err); tt.failed && code != grpccodes.Internal {
					t.Errorf("got %v, want INTERNAL", code)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestRun_notAtAll: a function is not called for a call that has ended.
func TestRun_notAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := hook.Run(ctx, "WithX", func() { t.Error("it was called") })
		if _, ok := errors.AsType[*hook.AbandonedError](err); !ok || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want it to be abandoned", err)
		}
		synctest.Wait()
	})
}
