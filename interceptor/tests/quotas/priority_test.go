package quotas_test

import (
	"context"
	"fmt"
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
	"github.com/reinvoke/reinvoke/policy"
)

// queue has calls of priorities at a limit, and notes in which order they arrive.
type queue struct {
	*testing.T
	conn  *grpc.ClientConn
	began time.Time

	wg  sync.WaitGroup
	mu  sync.Mutex
	log []string // of the arrivals
}

// inQueue runs f in a bubble with limits.
func inQueue(t *testing.T, limits []policy.Quota, f func(q *queue), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, began: time.Now()}
		q.conn = grpctest.Serve(t, &grpctest.Server{Unary: func(_ context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.log = append(q.log, string(in.GetPayload().GetBody()))
			return &testpb.SimpleResponse{}, nil
		}}, interceptor.DialOptions(append(opts, interceptor.WithQuotas(limits...))...)...)
		f(q)
		q.wg.Wait()
	})
}

// call makes a call beside others, and returns when it waits or has ended.
func (q *queue) call(ctx context.Context, name string, opts ...grpc.CallOption) *error {
	err := new(error)
	q.wg.Go(func() {
		_, *err = testpb.NewTestServiceClient(q.conn).UnaryCall(ctx, &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte(name)}}, opts...)
	})
	synctest.Wait()
	return err
}

// want fails the test unless calls have arrived in this order.
func (q *queue) want(names ...string) {
	q.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !slices.Equal(q.log, names) {
		q.Errorf("calls arrived as %q, want %q", q.log, names)
	}
}

// TestPriority_order: those of a higher priority first, and then in order of arrival. The
// priority is that of the call, the context, the method, or a section of the Config.
func TestPriority_order(t *testing.T) {
	cfg := policy.DefaultConfig()
	cfg.Methods = []policy.Method{{Pattern: grpctest.UnaryMethod, Priority: policy.LowPriority}}
	inQueue(t, limit(1, 0, 10*s), func(q *queue) {
		low, normal, high := interceptor.WithPriority(policy.LowPriority), interceptor.WithPriority(policy.NormalPriority), interceptor.WithPriority(policy.HighPriority)
		q.call(q.Context(), "first")
		q.call(q.Context(), "low")
		q.call(q.Context(), "normal", normal)
		q.call(q.Context(), "low 2", low)
		q.call(q.Context(), "high", high)
		q.call(interceptor.NewContext(q.Context(), high), "high 2")
		q.wg.Wait()
		q.want("first", "high", "high 2", "normal", "low", "low 2")
	}, interceptor.WithConfig(cfg))
	inQueue(t, limit(1, 0, 10*s), func(q *queue) {
		q.call(q.Context(), "first")
		q.call(q.Context(), "normal", interceptor.WithPriority(policy.NormalPriority))
		q.call(q.Context(), "high")
		q.wg.Wait()
		q.want("first", "high", "normal")
	}, interceptor.WithMethod(grpctest.UnaryMethod, interceptor.WithPriority(policy.HighPriority)))
}

// TestPriority_turns: a lower priority has a turn every ten seconds, or as every fifth call.
func TestPriority_turns(t *testing.T) {
	for window, every := range map[time.Duration]int{2 * s: 5, 8 * s: 5, s: 10} {
		inQueue(t, limit(1, 0, window), func(q *queue) {
			for n := range 40 {
				q.call(q.Context(), fmt.Sprint("high ", n), interceptor.WithPriority(policy.HighPriority))
			}
			for range 3 {
				q.call(q.Context(), "normal")
			}
			q.wg.Wait()
			last := 0
			for range 3 {
				at := last + 1 + slices.Index(q.log[last+1:], "normal")
				if gap := at - last; gap > every+1 {
					q.Errorf("with a call each %v a turn came after %d calls, want %d: %q", window, gap, every, q.log)
				}
				last = at
			}
			if normal := slices.Index(q.log, "normal"); normal < 5 {
				q.Errorf("the first turn was that of call %d, want 5 at least", normal)
			}
		})
	}
}

// TestPriority_turnedAwayFirst: where not all calls can leave in time, those of the lowest
// priority are told so, and soon.
func TestPriority_turnedAwayFirst(t *testing.T) {
	inQueue(t, limit(5, 0, 10*s), func(q *queue) {
		for range 5 {
			q.call(q.Context(), "first")
		}
		ctx, cancel := context.WithTimeout(q.Context(), 15*s)
		defer cancel()
		var low, high []*error
		for n := range 5 {
			low = append(low, q.call(ctx, "normal"))
			time.Sleep(s / 10)
			if n == 4 {
				time.Sleep(s)
			}
		}
		for range 5 {
			high = append(high, q.call(ctx, "high", interceptor.WithPriority(policy.HighPriority)))
		}
		time.Sleep(s)
		synctest.Wait()
		for n, err := range low {
			if status.Code(*err) != grpccodes.ResourceExhausted {
				q.Errorf("call %d has ended with %v after a second, want RESOURCE_EXHAUSTED", n, *err)
			}
		}
		q.wg.Wait()
		for n, err := range high {
			if *err != nil {
				q.Errorf("call %d of high priority: %v", n, *err)
			}
		}
	})
}

// TestPriority_low: calls of low priority leave evenly, so that another call finds room, and the
// next of them leaves later for it.
func TestPriority_low(t *testing.T) {
	inWorld(t, limit(10, 0, 10*s), func(w *world) {
		low := func() error {
			return w.ask(w.Context(), 10, interceptor.WithPriority(policy.LowPriority))
		}
		time.AfterFunc(5*s/2, func() {
			if err := w.ask(w.Context(), 10); err != nil {
				w.Error(err)
			}
		})
		allAtOnce(w.T, low, low, low, low, low)
		w.want(w.T, 0, s, 2*s, 5*s/2, 4*s, 5*s)
	})
}

// TestPriority_invalid: a priority of no meaning is an error.
func TestPriority_invalid(t *testing.T) {
	inQueue(t, nil, func(q *queue) {
		err := q.call(q.Context(), "x", interceptor.WithPriority(9))
		q.wg.Wait()
		const want = "interceptor: WithPriority: 9: want policy.LowPriority, NormalPriority or HighPriority"
		if got := status.Convert(*err); got.Code() != grpccodes.InvalidArgument || got.Message() != want {
			q.Errorf("got %v, want INVALID_ARGUMENT: %s", *err, want)
		}
	})
}
