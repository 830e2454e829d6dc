package quotas_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// kinds has a call of each kind with a request of so many tokens.
func kinds() map[string]func(w *world, ctx context.Context, tokens int, opts ...grpc.CallOption) error {
	return map[string]func(w *world, ctx context.Context, tokens int, opts ...grpc.CallOption) error{"unary": (*world).ask, "stream": (*world).open}
}

// TestQuotas_cost: the caller says what a call takes.
func TestQuotas_cost(t *testing.T) {
	for kind, ask := range kinds() {
		t.Run(kind, func(t *testing.T) {
			cost := func(_ string, req any) policy.Cost {
				return policy.Cost{Items: int64(len(req.(interface{ GetPayload() *testpb.Payload }).GetPayload().GetBody())/4 + 2)}
			}
			inWorld(t, []policy.Quota{{Pattern: "*Call", Items: 10, Window: 10 * s}}, func(w *world) {
				call := func(items int) func() error { return func() error { return ask(w, w.Context(), items) } }
				allAtOnce(w.T, call(4))
				time.Sleep(s)
				allAtOnce(w.T, call(6), call(10), call(5))
				w.want(w.T, 0, s, 11*s+s/10, 21*s+s/5)
			}, interceptor.WithCost(cost))
		})
	}
}

// TestQuotas_oddCosts: a cost of less than nothing is nothing, and a huge one is the limit, also
// where a limit comes later.
func TestQuotas_oddCosts(t *testing.T) {
	costs := []int64{-5, math.MaxInt64, math.MinInt64, math.MaxInt64, 1}
	n := 0
	inWorld(t, limit(0, 10, 10*s), func(w *world) {
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, call)
		time.Sleep(s)
		allAtOnce(w.T, call, call, call, call)
		w.want(w.T, 0, s, s, 11*s+s/10, 21*s+s/5)
	}, interceptor.WithCost(func(string, any) policy.Cost {
		n++
		return policy.Cost{Tokens: costs[n-1], Items: math.MaxInt64}
	}))
}

// TestQuotas_usage: the reply corrects what a call has taken, to more and to less.
func TestQuotas_usage(t *testing.T) {
	for kind, ask := range kinds() {
		t.Run(kind, func(t *testing.T) {
			var took int64
			usage := func(_ string, reply any) (policy.Cost, bool) {
				switch reply.(type) {
				case *testpb.SimpleResponse, *testpb.StreamingOutputCallResponse:
				default:
					t.Errorf("told of a %T, want a reply", reply)
				}
				return policy.Cost{Tokens: took}, took > 0
			}
			inWorld(t, limit(0, 1000, 10*s), func(w *world) {
				call := func(tokens int) func() error { return func() error { return ask(w, w.Context(), tokens) } }
				took = 100
				allAtOnce(w.T, call(900))
				time.Sleep(s)
				allAtOnce(w.T, call(900)) // 100 were taken
				took = 0                  // unknown: the estimate stands
				time.Sleep(s)
				allAtOnce(w.T, call(500))
				took = 900
				time.Sleep(s)
				allAtOnce(w.T, call(50))
				took = 0
				allAtOnce(w.T, call(100))
				last := 12*s + s/10
				if kind == "stream" { // for the usual cost, which is more
					last = 13*s + s/10
				}
				w.want(w.T, 0, s, 2*s, 3*s, last)
			}, interceptor.WithUsage(usage))
		})
	}
}

// TestQuotas_firstMessage: a stream is let through before its cost is known. A first message
// that takes more than usual waits for room, however short the attempt timeout is, and is not
// sent if its turn cannot come in time.
func TestQuotas_firstMessage(t *testing.T) {
	opts := []interceptor.Option{interceptor.WithAttemptTimeout(2 * s), interceptor.Repeatable()}
	inWorld(t, limit(0, 1000, 10*s), func(w *world) {
		call := func(tokens int) func() error { return func() error { return w.open(w.Context(), tokens) } }
		allAtOnce(w.T, call(100))
		time.Sleep(s)
		allAtOnce(w.T, call(500), call(700))
		w.want(w.T, 0, s, 11*s+s/10)
		if lines := w.log.With("Timeout"); len(lines) > 0 {
			w.Errorf("the log says %q", lines)
		}
	}, append(opts, interceptor.WithBudget(retrytest.EarnedBudget(t, 10)))...)
	inWorld(t, limit(0, 1000, 10*s), func(w *world) {
		call := func(tokens int) func() error { return func() error { return w.open(w.Context(), tokens) } }
		allAtOnce(w.T, call(100))
		time.Sleep(s)
		allAtOnce(w.T, call(500))
		ctx, cancel := context.WithTimeout(w.Context(), 5*s)
		defer cancel()
		var err error
		if got := grpctest.Took(func() { err = w.open(ctx, 600) }); got != 0 {
			w.Errorf("it took %v, want none", got)
		}
		if status.Code(err) != grpccodes.ResourceExhausted || !strings.Contains(err.Error(), "not sent: 1000 tokens in 10s of StreamingOutputCall are taken") {
			w.Errorf("got %v, want RESOURCE_EXHAUSTED of a stream not sent", err)
		}
		allAtOnce(w.T, call(400))
		w.want(w.T, 0, s, s)
	}, opts...)
}

// TestQuotas_firstMessagePanics: a stream that is turned away ends, also if the observer panics.
func TestQuotas_firstMessagePanics(t *testing.T) {
	inWorld(t, limit(0, 1000, 10*s), func(w *world) {
		for _, tokens := range []int{100, 500} {
			if err := w.open(w.Context(), tokens); err != nil {
				w.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(w.Context(), 5*s)
		defer cancel()
		stream, err := w.conn.NewStream(ctx, grpctest.ServerStream, grpctest.StreamMethod)
		if err != nil {
			w.Fatal(err)
		}
		received := make(chan error, 1)
		go func() {
			_, err := grpctest.Receive(stream)
			received <- err
		}()
		synctest.Wait()
		func() {
			defer func() { _ = recover() }()
			err := stream.SendMsg(&testpb.StreamingOutputCallRequest{Payload: prompt(600).GetPayload()})
			w.Errorf("the observer has not panicked, but %v", err)
		}()
		if err := <-received; err == nil || status.Code(err) != grpccodes.ResourceExhausted {
			w.Errorf("received %v, want RESOURCE_EXHAUSTED", err)
		}
	}, interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		if e.Outcome == interceptor.NotRetried {
			panic("observer")
		}
	}))
}

// TestQuotas_reload: other limits hold at once, also for calls that wait, and calls that have
// left count. Without a limit all leave.
func TestQuotas_reload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.DefaultConfig()
		live, err := policy.NewLive(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, arrivals: &arrivals{began: time.Now()}}
		w.conn = grpctest.Serve(t, w.server(), retrytest.DialOptions(interceptor.WithLive(live))...)
		set := func(quotas ...policy.Quota) {
			c := cfg
			c.Quotas = quotas
			if err := live.Store(c); err != nil {
				t.Error(err)
			}
		}
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(t, call)
		set(limit(1, 0, 10*s)...)
		time.AfterFunc(3*s, func() { set(limit(3, 0, 10*s)...) })
		time.AfterFunc(4*s, func() { set(limit(1, 0, 10*s)...) })
		time.AfterFunc(20*s, func() { set() })
		allAtOnce(t, call, call, call, call, call, call)
		w.want(t, 0, 0, 3*s, 3*s, 13*s+s/10, 20*s, 20*s)
	})
}

// TestQuotas_reloadTooLow: a call that waits goes alone where a new limit is lower than what it
// takes.
func TestQuotas_reloadTooLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.DefaultConfig()
		cfg.Quotas = limit(0, 1000, 10*s)
		live, err := policy.NewLive(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, arrivals: &arrivals{began: time.Now()}}
		w.conn = grpctest.Serve(t, w.server(), retrytest.DialOptions(interceptor.WithLive(live))...)
		time.AfterFunc(s, func() {
			c := cfg
			c.Quotas = limit(0, 100, 10*s)
			if err := live.Store(c); err != nil {
				t.Error(err)
			}
		})
		call := func(tokens int) func() error { return func() error { return w.ask(w.Context(), tokens) } }
		allAtOnce(t, call(600), call(900), call(450))
		w.want(t, 0, 10*s+s/10, 20*s+s/5)
	})
}

// TestQuotas_dryRun: no call waits, and the log says which would have.
func TestQuotas_dryRun(t *testing.T) {
	inWorld(t, limit(1, 0, 10*s), func(w *world) {
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, call, call)
		ctx, cancel := context.WithTimeout(w.Context(), s)
		defer cancel()
		allAtOnce(w.T, func() error { return w.ask(ctx, 10) })
		w.want(w.T, 0, 0, 0)
		time.Sleep(time.Minute)
		const dry = "dry run: the gate of " + grpctest.UnaryMethod + " at passthrough:///bufconn would have "
		if held, away := w.log.With(dry+"held this call of "+grpctest.UnaryMethod+" for 10.1s"), w.log.With(dry+"turned this call of "+grpctest.UnaryMethod+" away, "); len(held) != 1 || len(away) != 1 {
			w.Errorf("the log says %q, want one call held for 10.1s and one turned away", w.log.With(""))
		}
	}, interceptor.WithGateDryRun())
}

// names returns a refusal that names a limit of requests in a minute.
func names(limit int64, hint time.Duration) error {
	st, err := status.Convert(grpctest.Hinted(hint)).WithDetails(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
		{QuotaId: "GenerateRequestsPerMinutePerProjectPerModel", QuotaValue: limit},
	}})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// TestQuotas_lowered: the lower limit of a refusal holds from then on, and the log says so once;
// a higher one does not.
func TestQuotas_lowered(t *testing.T) {
	for _, named := range []int64{2, 8} {
		inWorld(t, limit(4, 0, time.Minute), func(w *world) {
			w.answer = func(n int) error {
				if n == 3 || n == 6 {
					return names(named, s)
				}
				return nil
			}
			for range 10 {
				if err := w.ask(w.Context(), 10, interceptor.Repeatable()); err != nil {
					w.Error(err)
				}
			}
			got := w.log.With("WARN [RETRY] the server allows 2 requests in 1m0s of UnaryCall, less than the configured 4 requests in 1m0s of UnaryCall: going by the server | retry.gate.key=" + grpctest.UnaryMethod)
			lines := w.log.With("the server allows")
			if lowered := named == 2; (lowered && (len(got) != 1 || len(lines) != 1)) || (!lowered && len(lines) > 0) {
				w.Errorf("the log says %q, want one line of a lower limit if it is lower", lines)
			}
			const m = 60 * s
			w.want(w.T, map[int64][]time.Duration{
				2: {0, 0, 0, m + s/5, m + s/5, 2*m + s/2, 2*m + 3*s/2, 2*m + 3*s/2, 3*m + 17*s/10, 3*m + 17*s/10, 4*m + 2*s, 4*m + 2*s},
				8: {0, 0, 0, s, s, m + s/5, m + 6*s/5, m + 6*s/5, m + 6*s/5, m + 6*s/5, 2*m + 3*s/2, 2*m + 3*s/2},
			}[named]...)
		})
	}
}

// TestQuotas_targets: a call whose own limit is used up goes to a target at once.
func TestQuotas_targets(t *testing.T) {
	inWorld(t, []policy.Quota{{Pattern: "model=a", Requests: 1, Window: 10 * s}}, func(w *world) {
		for _, want := range []time.Duration{0, 0, 0} {
			if got := grpctest.Took(func() { allAtOnce(w.T, func() error { return w.ask(w.Context(), 10) }) }); got != want {
				w.Errorf("it took %v, want %v", got, want)
			}
		}
		w.want(w.T, 0, 0, 0)
	}, besideB()...)
}

// elsewhere marks the context of a call at a target.
type elsewhere struct{}

// TestQuotas_hedges: a hedge that would have to wait for a limit is not sent.
func TestQuotas_hedges(t *testing.T) {
	inWorld(t, limit(2, 0, time.Minute), func(w *world) {
		w.answer = func(int) error { time.Sleep(5 * s); return nil }
		if err := w.ask(w.Context(), 10, interceptor.WithHedge(s, 4), interceptor.Repeatable()); err != nil {
			w.Error(err)
		}
		w.want(w.T, 0, s)
		time.Sleep(5 * s) // until the handler has returned
	})
}

// TestQuotas_size: a closed gate lets a call pass whose cost is small, however many bytes the
// request has.
func TestQuotas_size(t *testing.T) {
	cost := func(_ string, req any) policy.Cost {
		if strings.HasPrefix(string(req.(*testpb.SimpleRequest).GetPayload().GetBody()), "image") {
			return policy.Cost{Tokens: 258}
		}
		return policy.Cost{Tokens: 10_000}
	}
	inWorld(t, nil, func(w *world) {
		w.answer = func(n int) error {
			if n == 1 {
				return grpctest.Hinted(30 * s)
			}
			return nil
		}
		_ = w.ask(w.Context(), 100, interceptor.MaxRetries(0))
		image := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: append([]byte("image"), make([]byte, 1<<20)...)}}
		if got := grpctest.Took(func() {
			if _, err := testpb.NewTestServiceClient(w.conn).UnaryCall(w.Context(), image); err != nil {
				w.Error(err)
			}
		}); got != 0 {
			w.Errorf("the small call waited %v, want none", got)
		}
	}, interceptor.WithCost(cost))
}

// besideB returns the options of a connection with the model a, and b for a target.
func besideB() []interceptor.Option {
	return []interceptor.Option{
		interceptor.WithGateKey(func(ctx context.Context, _ string) string {
			if ctx.Value(elsewhere{}) != nil {
				return "model=b"
			}
			return "model=a"
		}),
		interceptor.WithTargets(interceptor.Target{Name: "b", Adapt: func(ctx context.Context, req any) (context.Context, any, bool) {
			return context.WithValue(ctx, elsewhere{}, true), req, true
		}}),
	}
}
