package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// described returns a description of a call to a server that knows no descriptors.
func described(info interceptor.CallInfo) func() interceptor.CallInfo {
	if info.Method == "" {
		info.Method = "/rest.example/POST"
	}
	info.Target = "rest.example"
	return func() interceptor.CallInfo { return info }
}

// TestInvoke_repeats: how far the request got, and what is said of it, decide whether it
// is sent again.
func TestInvoke_repeats(t *testing.T) {
	lost := codes.Evidence{Watched: true, Stream: true}
	unavailable := status.Error(grpccodes.Unavailable, "x")
	internal := status.Error(grpccodes.Internal, "x")
	for name, tt := range map[string]struct {
		info     interceptor.CallInfo
		result   interceptor.AttemptResult
		ctx      []interceptor.CallOption
		attempts int
		why      policy.Why
	}{
		"unknown, lost":           {result: interceptor.AttemptResult{Err: unavailable, Evidence: lost}, attempts: 1, why: policy.NotRepeatable},
		"unknown, unsent":         {result: interceptor.AttemptResult{Err: unavailable, Evidence: codes.Evidence{Watched: true}}, attempts: 6, why: policy.ClassExhausted},
		"repeatable, lost":        {info: interceptor.CallInfo{Repeatable: true}, result: interceptor.AttemptResult{Err: internal, Evidence: lost}, attempts: 4, why: policy.ClassExhausted},
		"by name, lost":           {info: interceptor.CallInfo{Method: generateContent}, result: interceptor.AttemptResult{Err: internal, Evidence: lost}, attempts: 4, why: policy.ClassExhausted},
		"declared, lost":          {ctx: []interceptor.CallOption{interceptor.Repeatable()}, result: interceptor.AttemptResult{Err: internal, Evidence: lost}, attempts: 4, why: policy.ClassExhausted},
		"declared not, a verdict": {info: interceptor.CallInfo{Repeatable: true}, ctx: []interceptor.CallOption{interceptor.NotRepeatable()}, result: interceptor.AttemptResult{Err: internal, Evidence: lost}, attempts: 1, why: policy.NotRepeatable},
		"a request that is gone":  {info: interceptor.CallInfo{Repeatable: true}, result: interceptor.AttemptResult{Err: internal, Evidence: lost, Gone: true}, attempts: 1, why: policy.Committed},
		"a rule of the transport": {
			info: interceptor.CallInfo{Rules: []codes.Rule{{Name: "own", Class: codes.Request}}}, result: interceptor.AttemptResult{Err: unavailable}, attempts: 1, why: policy.NeverRetried,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var last interceptor.Event
				r := interceptor.New(interceptor.WithObserver(func(_ context.Context, e interceptor.Event) { last = e }))
				attempts := 0
				err := r.Invoke(interceptor.NewContext(t.Context(), tt.ctx...), described(tt.info), func(context.Context, any) interceptor.AttemptResult {
					attempts++
					return tt.result
				})
				if !errors.Is(err, tt.result.Err) || attempts != tt.attempts || last.Decision.Why != tt.why || last.Target != "rest.example" {
					t.Errorf("%v after %d attempts (%v), want %d (%v)", err, attempts, last.Decision.Why, tt.attempts, tt.why)
				}
			})
		})
	}
}

// generateContent is a method that may run twice by its name.
const generateContent = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"

// TestInvoke_gate: after a refusal with a hint the calls of the same quota wait, and no
// others: another tenant, another model and another name of a quota do not.
func TestInvoke_gate(t *testing.T) {
	refused := interceptor.AttemptResult{Err: status.Error(grpccodes.ResourceExhausted, "x"), Evidence: codes.Evidence{
		Watched: true, Stream: true, Trailer: metadata.Pairs("retry-after", "30"),
	}}
	named := []interceptor.CallOption{interceptor.WithQuotaName("shared")}
	first := interceptor.CallInfo{Tenant: "AIza-one", Quota: "model=a"}
	for name, tt := range map[string]struct {
		ctx, firstCtx []interceptor.CallOption
		next          interceptor.CallInfo
		waits         bool
	}{
		"the same":                               {next: first, waits: true},
		"another tenant":                         {next: interceptor.CallInfo{Tenant: "AIza-two", Quota: "model=a"}},
		"another model":                          {next: interceptor.CallInfo{Tenant: "AIza-one", Quota: "model=b"}},
		"another method and tenant, of one name": {next: interceptor.CallInfo{Tenant: "AIza-two", Method: "/a.B/C"}, ctx: named, firstCtx: named, waits: true},
		"one of a name, one without":             {next: first, firstCtx: named},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var key string
				r := interceptor.New(interceptor.WithGateObserver(func(e interceptor.GateEvent) { key = e.Key }))
				ctx, cancel := context.WithTimeout(interceptor.NewContext(t.Context(), tt.firstCtx...), time.Second)
				defer cancel()
				for range 3 { // chance does not explain so many
					_ = r.Invoke(ctx, described(first), func(context.Context, any) interceptor.AttemptResult { return refused })
				}
				if strings.Contains(key, "AIza") || key == "" {
					t.Errorf("the key of the gate is %q", key)
				}
				began := time.Now()
				err := r.Invoke(interceptor.NewContext(t.Context(), tt.ctx...), described(tt.next), func(context.Context, any) interceptor.AttemptResult {
					return interceptor.AttemptResult{}
				})
				if waited := time.Since(began); err != nil || (waited > 0) != tt.waits {
					t.Errorf("waited %v, %v, want to wait: %v", waited, err, tt.waits)
				}
			})
		})
	}
}

// TestInvoke_attemptTimeout: an attempt ends in time, and the context of the attempt that
// succeeds lives on.
func TestInvoke_attemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interceptor.New(interceptor.WithAttemptTimeout(3*time.Second), interceptor.WithoutBudget())
		ctx, cancel := context.WithCancel(t.Context())
		var kept context.Context
		attempts := 0
		err := r.Invoke(ctx, described(interceptor.CallInfo{Repeatable: true}), func(ctx context.Context, _ any) interceptor.AttemptResult {
			if attempts++; attempts == 1 {
				<-ctx.Done()
				return interceptor.AttemptResult{Err: ctx.Err(), Evidence: codes.Evidence{Watched: true, Stream: true}}
			}
			kept = ctx //nolint:fatcontext // to see whether it lives
			return interceptor.AttemptResult{}
		})
		time.Sleep(time.Minute)
		if err != nil || attempts != 2 || kept.Err() != nil {
			t.Errorf("%v after %d attempts, the context of the last: %v", err, attempts, kept.Err())
		}
		cancel()
		if kept.Err() == nil {
			t.Error("the context of the attempt outlives that of the call")
		}
	})
}

// TestInvoke_allocNothing: a call that succeeds at once costs nothing.
func TestInvoke_allocNothing(t *testing.T) {
	if grpctest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	r := interceptor.New()
	ctx := t.Context()
	describe := described(interceptor.CallInfo{})
	attempt := func(context.Context, any) interceptor.AttemptResult { return interceptor.AttemptResult{} }
	if n := testing.AllocsPerRun(100, func() {
		if err := r.Invoke(ctx, describe, attempt); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
