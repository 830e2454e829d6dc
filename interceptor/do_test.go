package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

var errREST = errors.New("503 Service Unavailable")

func TestDo_retriesAfterTheTablesWaits(t *testing.T) {
	tests := map[string]struct {
		err   error
		opts  []interceptor.Option
		call  []interceptor.CallOption
		waits []time.Duration // of a function that always fails
	}{
		"a status of the server":          {err: grpctest.ErrOverloaded, waits: []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}},
		"a wrapped status":                {err: fmt.Errorf("page 3: %w", grpctest.ErrOverloaded), waits: []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}},
		"an error that is no status":      {err: errREST, waits: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		"a wrong request":                 {err: status.Error(grpccodes.InvalidArgument, "wrong")},
		"a cancelled context":             {err: context.Canceled},
		"a deadline of its own":           {err: fmt.Errorf("page 3: %w", context.DeadlineExceeded)},
		"a hint":                          {err: grpctest.RefusedByQuota(t), waits: []time.Duration{7 * time.Second, 7 * time.Second}},
		"options of the call":             {err: errREST, call: []interceptor.CallOption{interceptor.MaxRetries(1)}, waits: []time.Duration{time.Second}},
		"a function that must not repeat": {err: errREST, call: []interceptor.CallOption{interceptor.NotRepeatable()}},
		"a method's options": {err: errREST, opts: []interceptor.Option{
			interceptor.WithMethod("/files/upload", interceptor.MaxRetries(2)),
		}, waits: []time.Duration{time.Second, 2 * time.Second}},
		"a rule of one's own": {err: errREST, opts: []interceptor.Option{interceptor.WithRules(codes.Rule{
			Name: "rest-503", Class: codes.Server, Match: func(r *codes.Report) bool { return errors.Is(r.Err, errREST) },
		})}, waits: []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}},
		"a rule of one's own that names a delay": {err: errREST, opts: []interceptor.Option{interceptor.WithRules(codes.Rule{
			Name: "rest-503", Class: codes.Quota, Infer: 20 * time.Second, Match: func(r *codes.Report) bool { return errors.Is(r.Err, errREST) },
		})}, waits: []time.Duration{20 * time.Second, 20 * time.Second}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				r := interceptor.New(append(tt.opts, interceptor.WithRand(retrytest.NoSpread))...)
				err := r.Do(t.Context(), "/files/upload", func(context.Context) error {
					at = append(at, time.Now())
					return tt.err
				}, tt.call...)
				if !errors.Is(err, tt.err) {
					t.Errorf("got %v, want what the function returned", err)
				}
				var waits []time.Duration
				for i := 1; i < len(at); i++ {
					waits = append(waits, at[i].Sub(at[i-1]))
				}
				if diff := cmp.Diff(tt.waits, waits); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
				if e, ok := errors.AsType[*interceptor.Error](err); len(waits) > 0 && (!ok || e.Method != "/files/upload" || len(e.Attempts) != len(at)) {
					t.Errorf("got %v, want an *Error of %d attempts", err, len(at))
				}
				if len(waits) == 0 && tt.call == nil && err != tt.err { //nolint:errorlint // the very same
					t.Errorf("got %v after a single call, want the error untouched", err)
				}
			})
		})
	}
}

func TestDo_recovers(t *testing.T) {
	r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(3)))
	var n int
	err := r.Do(t.Context(), "f", func(context.Context) error {
		if n++; n < 3 {
			return errREST
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("got %v after %d calls, want success after 3", err, n)
	}
	if tokens, _ := r.Budget().Held(); tokens != 99 { // two paid, one earned
		t.Errorf("the budget holds %v tokens, want 99", tokens)
	}
}

func TestDo_passesTheContextOn(t *testing.T) {
	type key struct{}
	r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)))
	ctx := interceptor.NewContext(context.WithValue(t.Context(), key{}, "v"), interceptor.Disable())
	var n int
	_ = r.Do(ctx, "f", func(ctx context.Context) error {
		n++
		if ctx.Value(key{}) != "v" {
			t.Error("the context has lost a value")
		}
		return errREST
	})
	if n != 1 {
		t.Errorf("the options of the context were not heeded: %d calls, want 1", n)
	}
	n = 0
	_ = r.Do(ctx, "f", func(context.Context) error { n++; return errREST }, interceptor.Enable())
	if n != 2 {
		t.Errorf("the options of the call were not heeded: %d calls, want 2", n)
	}
}

func TestDo_endsWithTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		var n int
		var err error
		got := grpctest.Took(func() { err = r.Do(ctx, "f", func(context.Context) error { n++; return errREST }) })
		if got != 1500*time.Millisecond || n != 2 || !errors.Is(err, context.Canceled) || !errors.Is(err, errREST) || status.Code(err) != grpccodes.Canceled {
			t.Errorf("got %v after %v and %d calls, want the cancellation over the last error after 1.5s and 2", err, got, n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		var err error
		got := grpctest.Took(func() { err = r.Do(ctx, "f", func(context.Context) error { return errREST }) })
		if e, ok := errors.AsType[*interceptor.Error](err); got != time.Second || !ok || e.Why != policy.DeadlineTooNear {
			t.Errorf("got %v after %v, want the deadline to be too near after 1s", err, got)
		}
	})
}

func TestDo_refusesWhatIsWrongBeforeTheFunctionRuns(t *testing.T) {
	r := interceptor.New()
	never := func(context.Context) error { t.Error("the function has run"); return nil }
	var none context.Context
	if err := r.Do(none, "f", never); err == nil || err.Error() != "interceptor: context: want one that is not nil" {
		t.Errorf("a nil context: got %v", err)
	}
	for _, tt := range []struct {
		opt  interceptor.CallOption
		want string
	}{
		{interceptor.MaxRetries(-1), "interceptor: MaxRetries: -1: want >= 0"},
		{interceptor.WithReplayBuffer(1), "interceptor: WithReplayBuffer: cannot apply to f, which is a function"},
	} {
		if st := status.Convert(r.Do(t.Context(), "f", never, tt.opt)); st.Code() != grpccodes.InvalidArgument || st.Message() != tt.want {
			t.Errorf("got %v, want INVALID_ARGUMENT %q", st, tt.want)
		}
	}
}

func TestDo_nestedCallsDoNotMultiply(t *testing.T) {
	var n int
	inner, outer := interceptor.New(interceptor.WithTable(retrytest.AtOnce(2))), interceptor.New(interceptor.WithTable(retrytest.AtOnce(3)))
	var below error
	err := outer.Do(t.Context(), "outer", func(ctx context.Context) error {
		below = inner.Do(ctx, "inner", func(context.Context) error { n++; return errREST })
		return below
	})
	if n != 3 {
		t.Errorf("got %d calls, want the 3 of the inner one", n)
	}
	if err != below { //nolint:errorlint // the very same
		t.Errorf("got %v, want the inner one's error untouched", err)
	}
}

func TestDo_aPanicPassesThrough(t *testing.T) {
	r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(2)))
	var n int
	got := grpctest.MustPanic(t, func() {
		_ = r.Do(t.Context(), "f", func(context.Context) error {
			if n++; n == 2 {
				panic(errREST)
			}
			return errREST
		})
	})
	if got != errREST.Error() || n != 2 {
		t.Errorf("got panic %q in call %d, want %q in call 2", got, n, errREST)
	}
	if err := r.Do(t.Context(), "f", func(context.Context) error { return nil }); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

func TestDo_waitsOnTheInjectedClock(t *testing.T) {
	fake := clock.NewFake(time.Now())
	r := interceptor.New(interceptor.WithClock(fake), interceptor.WithRand(retrytest.NoSpread))
	done := make(chan error)
	go func() { done <- r.Do(t.Context(), "f", func(context.Context) error { return errREST }) }()
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		wait, err := fake.Pending(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wait != want {
			t.Errorf("waits %v, want %v", wait, want)
		}
		fake.Advance(wait)
	}
	if err := <-done; !errors.Is(err, errREST) {
		t.Errorf("got %v, want the function's error", err)
	}
}
