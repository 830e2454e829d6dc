package quotas_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

const s = time.Second

// arrivals is a server that notes when requests arrive, in seconds since the start.
type arrivals struct {
	began  time.Time
	answer func(n int) error // nil accepts

	mu sync.Mutex
	at []time.Duration
}

func (a *arrivals) note() error {
	a.mu.Lock()
	a.at = append(a.at, time.Since(a.began).Truncate(s/10))
	n := len(a.at)
	a.mu.Unlock()
	if a.answer == nil {
		return nil
	}
	return a.answer(n)
}

// want fails the test unless requests arrived at these times.
func (a *arrivals) want(t *testing.T, at ...time.Duration) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.at, at) {
		t.Errorf("requests arrived at %v, want %v", a.at, at)
	}
}

func (a *arrivals) server() *grpctest.Server {
	return &grpctest.Server{
		Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{Username: "ok"}, a.note()
		},
		Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := a.note(); err != nil {
				return err
			}
			return grpctest.SendAll(out, "ok")
		},
	}
}

// world is a connection to a server of arrivals, in a bubble.
type world struct {
	*testing.T
	*arrivals
	conn *grpc.ClientConn
	log  *retrytest.Journal
}

// inWorld runs f in a bubble, with limits.
func inWorld(t *testing.T, limits []policy.Quota, f func(w *world), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, arrivals: &arrivals{began: time.Now()}, log: &retrytest.Journal{}}
		opts := append([]interceptor.Option{interceptor.WithQuotas(limits...), interceptor.WithLogger(w.log)}, opts...)
		w.conn = grpctest.Serve(t, w.server(), retrytest.DialOptions(opts...)...)
		f(w)
	})
}

// limit is a limit for all calls.
func limit(requests, tokens int64, window time.Duration) []policy.Quota {
	return []policy.Quota{{Pattern: "UnaryCall", Requests: requests, Tokens: tokens, Window: window}, {Pattern: "StreamingOutputCall", Requests: requests, Tokens: tokens, Window: window}}
}

// prompt returns a request of so many tokens.
func prompt(tokens int) *testpb.SimpleRequest {
	return &testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, 4*tokens-8)}}
}

// ask makes a unary call of so many tokens.
func (w *world) ask(ctx context.Context, tokens int, opts ...grpc.CallOption) error {
	_, err := testpb.NewTestServiceClient(w.conn).UnaryCall(ctx, prompt(tokens), opts...)
	return err
}

// open reads a server stream with a request of so many tokens.
func (w *world) open(ctx context.Context, tokens int, opts ...grpc.CallOption) error {
	stream, err := testpb.NewTestServiceClient(w.conn).StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{Payload: prompt(tokens).GetPayload()}, opts...)
	if err != nil {
		return err
	}
	_, err = grpctest.Drain(stream)
	return err
}

// allAtOnce runs the calls side by side, begun in this order.
func allAtOnce(t *testing.T, calls ...func() error) {
	t.Helper()
	var wg sync.WaitGroup
	for _, call := range calls {
		wg.Go(func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
	}
	wg.Wait()
}

// TestQuotas_rolling: no more calls leave in any span of the window than the limit allows. A
// call counts a hundredth longer than the window.
func TestQuotas_rolling(t *testing.T) {
	inWorld(t, limit(3, 0, 10*s), func(w *world) {
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, call)
		time.Sleep(4 * s)
		allAtOnce(w.T, call, call, call, call, call, call)
		w.want(w.T, 0, 4*s, 4*s, 10*s+s/10, 14*s+s/10, 14*s+s/10, 20*s+s/5)
		time.Sleep(time.Minute)
		if got := grpctest.Took(func() { allAtOnce(w.T, call, call, call) }); got != 0 {
			w.Errorf("after a pause the calls waited %v, want none", got)
		}
	})
}

// TestQuotas_streams: streams take of the limit like unary calls, each of the own key's.
func TestQuotas_streams(t *testing.T) {
	inWorld(t, limit(2, 0, 10*s), func(w *world) {
		stream := func() error { return w.open(w.Context(), 10) }
		unary := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, stream, unary, stream, unary, stream, unary)
		w.want(w.T, 0, 0, 0, 0, 10*s+s/10, 10*s+s/10)
	})
}

// TestQuotas_tokens: calls wait for as many tokens as they need, in order, but a call that
// fits goes ahead of a larger one that leaves no later for it.
func TestQuotas_tokens(t *testing.T) {
	inWorld(t, limit(0, 1000, 10*s), func(w *world) {
		call := func(tokens int) func() error { return func() error { return w.ask(w.Context(), tokens) } }
		allAtOnce(w.T, call(600))
		time.Sleep(4 * s)
		allAtOnce(w.T, call(900), call(200), call(100), call(200))
		w.want(w.T, 0, 4*s, 10*s+s/10, 20*s+s/5, 20*s+s/5)
	})
}

// TestQuotas_tooLarge: a call that takes more than the limit goes alone, because the server
// may count otherwise.
func TestQuotas_tooLarge(t *testing.T) {
	inWorld(t, limit(0, 1000, 10*s), func(w *world) {
		call := func(tokens int) func() error { return func() error { return w.ask(w.Context(), tokens) } }
		allAtOnce(w.T, call(10))
		time.Sleep(4 * s)
		allAtOnce(w.T, call(5000), call(10), call(10))
		w.want(w.T, 0, 10*s+s/10, 20*s+s/5, 20*s+s/5)
	})
}

// TestQuotas_turnedAway: a call whose turn comes after its deadline ends at once, unsent, with
// the limit and the time that is left, and takes nothing.
func TestQuotas_turnedAway(t *testing.T) {
	for kind, ask := range map[string]func(w *world, ctx context.Context, tokens int, opts ...grpc.CallOption) error{"unary": (*world).ask, "stream": (*world).open} {
		t.Run(kind, func(t *testing.T) {
			inWorld(t, limit(1, 0, 10*s), func(w *world) {
				if err := ask(w, w.Context(), 10); err != nil {
					w.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(w.Context(), 5*s)
				defer cancel()
				var err error
				if got := grpctest.Took(func() { err = ask(w, ctx, 10) }); got != 0 {
					w.Errorf("it took %v, want none", got)
				}
				var final *interceptor.Error
				if !errors.As(err, &final) || final.Why != policy.GateClosed || status.Code(err) != grpccodes.ResourceExhausted || len(final.Attempts) != 0 {
					w.Fatalf("got %#v, want RESOURCE_EXHAUSTED without attempts", err)
				}
				if after, ok := interceptor.RetryAfter(err); !ok || after != 10*s+s/10 {
					w.Errorf("RetryAfter is %v, %v, want 10.1s", after, ok)
				}
				method := map[string]string{"unary": grpctest.UnaryMethod, "stream": grpctest.StreamMethod}[kind]
				name := method[len("/grpc.testing.TestService/"):]
				want := method + " not sent: 1 request in 10s of " + name + " are taken (" + method + " at passthrough:///bufconn), 10.1s are left until the turn of this call; " +
					"WithoutGate() switches this off: rpc error: code = ResourceExhausted desc = the limit is known: 1 request in 10s of " + name
				if err.Error() != want {
					w.Errorf("the error says\n%s, want\n%s", err, want)
				}
				if err := ask(w, w.Context(), 10); err != nil {
					w.Fatal(err)
				}
				w.want(w.T, 0, 10*s+s/10)
			})
		})
	}
}

// TestQuotas_cancelled: a call that ends while it waits takes nothing.
func TestQuotas_cancelled(t *testing.T) {
	inWorld(t, limit(1, 0, 10*s), func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		time.AfterFunc(3*s, cancel)
		allAtOnce(w.T,
			func() error { return w.ask(w.Context(), 10) },
			func() error {
				if err := w.ask(ctx, 10); status.Code(err) != grpccodes.Canceled {
					w.Errorf("got %v, want CANCELLED", err)
				}
				return nil
			},
			func() error { return w.ask(w.Context(), 10) })
		w.want(w.T, 0, 10*s+s/10)
	})
}

// TestQuotas_failed: an attempt that the server has refused or failed takes nothing, an attempt
// without an answer does, and so does a retry.
func TestQuotas_failed(t *testing.T) {
	inWorld(t, limit(2, 0, 10*s), func(w *world) {
		w.answer = func(n int) error {
			if n <= 2 {
				return grpctest.ErrOverloaded
			}
			return nil
		}
		if err := w.ask(w.Context(), 10, interceptor.Repeatable()); err != nil {
			w.Fatal(err)
		}
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, call, call)
		w.want(w.T, 0, 2*s, 6*s, 6*s, 16*s+s/10)
	})
	inWorld(t, limit(1, 0, 10*s), func(w *world) {
		w.answer = func(n int) error {
			if n == 1 {
				time.Sleep(3 * s)
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(w.Context(), s)
		defer cancel()
		if err := w.ask(ctx, 10); status.Code(err) != grpccodes.DeadlineExceeded {
			w.Errorf("got %v, want DEADLINE_EXCEEDED", err)
		}
		if err := w.ask(w.Context(), 10); err != nil {
			w.Error(err)
		}
		w.want(w.T, 0, 10*s+s/10)
	})
}

// TestQuotas_off: without a gate there are no limits.
func TestQuotas_off(t *testing.T) {
	inWorld(t, limit(1, 0, 10*s), func(w *world) {
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, call, call, call)
		w.want(w.T, 0, 0, 0)
	}, interceptor.WithoutGate())
}

// TestQuotas_gateOfConfig: a gate that closes on no refusal still keeps limits.
func TestQuotas_gateOfConfig(t *testing.T) {
	inWorld(t, limit(1, 0, 10*s), func(w *world) {
		call := func() error { return w.ask(w.Context(), 10) }
		allAtOnce(w.T, call, call)
		w.want(w.T, 0, 10*s+s/10)
	}, interceptor.WithGate(policy.GateConfig{}))
}

// TestQuotas_closes: a closed connection lets go of the calls that wait for a limit.
func TestQuotas_closes(t *testing.T) {
	inWorld(t, limit(1, 0, time.Minute), func(w *world) {
		_ = w.ask(w.Context(), 10)
		time.AfterFunc(s, func() { _ = w.conn.Close() })
		var err error
		if got := grpctest.Took(func() { err = w.ask(w.Context(), 10) }); got != s || status.Code(err) != grpccodes.Canceled {
			w.Errorf("got %v after %v, want CANCELLED after 1s", err, got)
		}
	})
}

// TestQuotas_function: a limit holds for functions with the quota's name.
func TestQuotas_function(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interceptor.New(interceptor.WithQuotas(policy.Quota{Pattern: "paid", Requests: 1, Window: 10 * s}))
		do := func() {
			if err := r.Do(t.Context(), "charge", func(context.Context) error { return nil }, interceptor.WithQuotaName("paid")); err != nil {
				t.Error(err)
			}
		}
		do()
		if got := grpctest.Took(do); got != 10*s+s/10 {
			t.Errorf("the second call waited %v, want 10.1s", got)
		}
	})
}

// TestQuotas_eachRetrier: two connections with a Retrier each count each for itself, and with one
// Retrier together.
func TestQuotas_eachRetrier(t *testing.T) {
	for retriers, second := range map[int]time.Duration{1: 10*s + s/10, 2: 0} {
		synctest.Test(t, func(t *testing.T) {
			a := &arrivals{began: time.Now()}
			r := interceptor.New(interceptor.WithQuotas(limit(1, 0, 10*s)...))
			var calls []func() error
			for n := range 2 {
				if n > 0 && retriers == 2 {
					r = interceptor.New(interceptor.WithQuotas(limit(1, 0, 10*s)...))
				}
				conn := grpctest.Serve(t, a.server(), r.DialOptions()...)
				calls = append(calls, func() error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
			}
			allAtOnce(t, calls...)
			a.want(t, 0, second)
		})
	}
}
