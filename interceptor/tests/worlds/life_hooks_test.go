package worlds_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// options are those of the connection.
func (l *lifeRun) options() []interceptor.Option {
	w := l.w
	opts := []interceptor.Option{interceptor.WithClock(&l.clock), interceptor.WithLogLimit(w.LogLimit)}
	add := func(set bool, o interceptor.Option) {
		if set {
			opts = append(opts, o)
		}
	}
	config := l.configOf(lifeReload{Quick: w.Quick, Gate: w.Gate, Limits: w.Limits})
	config.Budget = w.budget()
	if len(w.Reloads) > 0 {
		live, err := policy.NewLive(config)
		if err != nil {
			panic(err)
		}
		l.config = live
		opts = append(opts, interceptor.WithLive(live))
	} else {
		opts = append(opts, interceptor.WithConfig(config))
	}
	if w.Told {
		opts = append(opts, interceptor.WithCost(cost), interceptor.WithUsage(usage))
	}
	add(w.Gate == dryGate, interceptor.WithGateDryRun())
	add(!w.Blind, interceptor.WithObserver(l.observe))
	add(w.Loud || len(w.Logger) > 0, interceptor.WithLogger(logging.LoggerFunc(l.log)))
	add(w.Breaker, interceptor.WithBreaker(&l.breaker))
	l.breaker.refuses = w.Refuses
	add(w.Refresh != nil, interceptor.WithRefresh(l.refresh))
	if w.Timeout > 0 {
		opts = append(opts, interceptor.WithAttemptTimeout(w.Timeout))
	}
	if w.Hedge.Attempts > 1 {
		opts = append(opts, interceptor.WithHedge(w.Hedge.Delay, w.Hedge.Attempts))
	}
	if w.Replay > 0 {
		opts = append(opts, interceptor.WithReplayBuffer(w.Replay))
	}
	return opts
}

// cost and usage say what a call takes, each something else.
func cost(method string, req any) policy.Cost {
	m, ok := req.(proto.Message)
	if !ok {
		return policy.Cost{Tokens: int64(len(method))}
	}
	return policy.Cost{Tokens: int64(proto.Size(m))}
}

func usage(_ string, reply any) (policy.Cost, bool) {
	m, ok := reply.(proto.Message)
	if !ok {
		return policy.Cost{}, false
	}
	return policy.Cost{Tokens: int64(2 * proto.Size(m))}, true
}

// budget returns the figures of the budget.
func (w *lifeWorld) budget() policy.BudgetConfig {
	switch w.Tokens {
	case fewTokens:
		return policy.BudgetConfig{Max: 2, Start: 2, Earn: 0.1, EarnedMax: 10, EarnedEarn: 0.1}
	case noTokens:
		return policy.BudgetConfig{}
	default:
		return policy.BudgetConfig{Max: 1000, Start: 500, Earn: 1, EarnedMax: 1000, EarnedEarn: 1}
	}
}

// configOf returns the configuration of a moment.
func (l *lifeRun) configOf(r lifeReload) policy.Config {
	c := policy.DefaultConfig()
	if r.Quick {
		for class := range c.Table {
			if row := &c.Table[class]; row.Retries > 0 {
				row.Base, row.Max = min(row.Base, 100*time.Millisecond), min(row.Max, time.Second)
			}
		}
	}
	if l.tcp {
		scaleLife(reflect.ValueOf(&c.Table).Elem())
	}
	c.Gate = policy.GateConfig{}
	switch r.Gate {
	case hintsGate, dryGate:
		c.Gate = policy.DefaultGate()
	case fleetGate:
		c.Gate = policy.FleetGate()
		c.Gate.Healthy = 1 // there are few calls
	case noGate:
	}
	for _, q := range r.Limits { // several for a window would be one
		if err := policy.ValidateQuotas(append(c.Quotas, q)); err == nil {
			c.Quotas = append(c.Quotas, q)
		}
	}
	if r.Hedge.Attempts > 1 || r.Timeout > 0 {
		c.Methods = []policy.Method{{Pattern: "/life.World/*", Timeout: r.Timeout, Hedge: policy.Hedge{Delay: r.Hedge.Delay, Attempts: r.Hedge.Attempts}}}
	}
	return c
}

// reload puts another configuration in force.
func (l *lifeRun) reload(r lifeReload) {
	c := l.configOf(r)
	c.Budget = l.w.budget()
	if err := l.config.Store(c); err != nil {
		panic(err)
	}
}

// yield lets other goroutines run, in the middle of what the engine does.
func (l *lifeRun) yield() {
	if l.w.Yields {
		for range 5 {
			runtime.Gosched()
		}
	}
}

// troubled does what a hook of the connection does when it is called again.
func (l *lifeRun) troubled(ctx context.Context, hook int, troubles []lifeTrouble, name string) {
	n := int(l.hooks[hook].Add(1)) - 1
	rec := lifeOf(ctx)
	l.yield()
	for _, t := range troubles {
		if t.N == n && rec != nil {
			l.misbehave(rec, t.Act, name, false)
		}
	}
}

func (l *lifeRun) observe(ctx context.Context, e interceptor.Event) {
	if rec := lifeOf(ctx); rec != nil {
		rec.mu.Lock()
		if e.Outcome != interceptor.Pending {
			rec.finals = append(rec.finals, e)
		} else {
			rec.log = append(rec.log, lifeEntry{success: e.Err == nil, decision: e.Decision})
		}
		rec.mu.Unlock()
	}
	l.troubled(ctx, observerHook, l.w.Observer, "observer")
}

func (l *lifeRun) log(ctx context.Context, _ logging.Level, _ string, _ ...any) {
	l.troubled(ctx, loggerHook, l.w.Logger, "logger")
}

// hook does what a hook of a call does, with a guard of the engine's own.
func (l *lifeRun) hook(ctx context.Context, rec *lifeRecord, act lifeAct, name string) error {
	switch act {
	case blocks:
		<-ctx.Done()
		return ctx.Err()
	case fails:
		return status.Error(grpccodes.Unavailable, "not what was asked for")
	default:
		l.misbehave(rec, act, name, true)
		return nil
	}
}

func (l *lifeRun) refresh(ctx context.Context) error {
	if l.running.Add(1) > 1 {
		l.problem("refresh: twice at a time", "%v", ctx)
	}
	defer l.running.Add(-1)
	n := int(l.hooks[refreshHook].Add(1)) - 1
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
	return l.hook(ctx, nil, actOf(l.w.Refresh, n), "WithRefresh")
}

func (l *lifeRun) accept(rec *lifeRecord) interceptor.AcceptFunc {
	return func(string, any) error {
		return l.hook(rec.ctx, rec, actOf(rec.Accept, rec.ask(acceptHook)), "WithAccept")
	}
}

func (l *lifeRun) fallback(rec *lifeRecord) interceptor.FallbackFunc {
	return func(ctx context.Context, x interceptor.FailedCall) (any, error) {
		act := actOf(rec.Fallback, rec.ask(fallbackHook))
		if err := l.hook(ctx, rec, act, "WithFallback"); err != nil {
			return nil, err
		}
		switch act {
		case wrong:
			return &testpb.Empty{}, nil
		case fills:
			fill(x.Reply)
			return nil, nil
		default:
		}
		if m, ok := x.Request.(*testpb.StreamingOutputCallRequest); ok {
			next := proto.Clone(m).(*testpb.StreamingOutputCallRequest) //nolint:forcetypeassert // it was one
			next.Payload = &testpb.Payload{Body: append(slices.Clone(m.GetPayload().GetBody()), 'f')}
			rec.fellBack()
			return next, nil
		}
		return nil, errors.New("there is no request")
	}
}

// fill fills a reply, which may be one of another codec.
func fill(reply any) {
	filled := grpctest.Chunk("filled")
	switch reply := reply.(type) {
	case *testpb.StreamingOutputCallResponse:
		reply.Payload = filled.GetPayload()
	case *[]byte:
		b, err := proto.Marshal(filled)
		if err != nil {
			panic(err)
		}
		*reply = b
	}
}

func (l *lifeRun) resume(rec *lifeRecord) interceptor.ResumeFunc {
	return func(ctx context.Context, i interceptor.Interrupted) (proto.Message, bool) {
		act := actOf(rec.Resume, rec.ask(resumeHook))
		if err := l.hook(ctx, rec, act, "WithResume"); err != nil {
			return nil, false
		}
		if act == wrong {
			return &testpb.Empty{}, true
		}
		return grpctest.Ask(fmt.Sprintf("%d/0@%d", rec.id, i.Delivered)), true
	}
}
