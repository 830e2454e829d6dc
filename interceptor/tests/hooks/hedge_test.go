package hooks_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// runner is what becomes of one attempt.
type runner struct {
	takes    time.Duration
	err      error
	pushback string
}

// lap is a server whose attempts are these; it notes when each began, and when it
// was ended.
type lap struct {
	grpctest.Server
	began  time.Time
	mu     sync.Mutex
	starts []time.Duration
	cut    []int // attempts that were ended from outside
}

func newLap(runners ...runner) *lap {
	l := &lap{began: time.Now()}
	l.Unary = func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		l.mu.Lock()
		l.starts = append(l.starts, time.Since(l.began))
		l.mu.Unlock()
		r := runners[min(n, len(runners))-1]
		_ = grpc.SetHeader(ctx, metadata.Pairs("attempt", strconv.Itoa(n)))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("attempt", strconv.Itoa(n)))
		if r.pushback != "" {
			_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", r.pushback))
		}
		select {
		case <-time.After(r.takes):
		case <-ctx.Done():
			l.mu.Lock()
			l.cut = append(l.cut, n)
			l.mu.Unlock()
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return &testpb.SimpleResponse{Username: "attempt " + strconv.Itoa(n)}, r.err
	}
	return l
}

// begun returns when the attempts began.
func (l *lap) begun() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.starts)
}

func TestHedge_timing(t *testing.T) {
	const s = time.Second
	denied := status.Error(grpccodes.PermissionDenied, "no")
	for _, tt := range []struct {
		name    string
		runners []runner
		most    int
		opts    []interceptor.Option
		starts  []time.Duration
		took    time.Duration
		winner  string // empty for a failure
		code    grpccodes.Code
	}{
		{"the first is quick", []runner{{takes: s / 2}}, 3, nil, []time.Duration{0}, s / 2, "attempt 1", 0},
		{"the second wins", []runner{{takes: 9 * s}, {takes: s / 2}}, 3, nil, []time.Duration{0, s}, 3 * s / 2, "attempt 2", 0},
		{"the first wins after all", []runner{{takes: 5 * s}, {takes: 9 * s}}, 3, nil, []time.Duration{0, s, 2 * s}, 5 * s, "attempt 1", 0},
		{"no more than that many", []runner{{takes: 9 * s}}, 2, nil, []time.Duration{0, s}, 9 * s, "attempt 1", 0},
		{
			"a failure starts the next at once",
			[]runner{{takes: s / 4, err: grpctest.ErrOverloaded}, {takes: 9 * s}, {takes: s / 4}},
			3, nil,
			[]time.Duration{0, s / 4, s/4 + s},
			3 * s / 2, "attempt 3", 0,
		},
		{"a fatal one ends the call", []runner{{takes: 9 * s}, {takes: s / 2, err: denied}}, 3, nil, []time.Duration{0, s}, 3 * s / 2, "", grpccodes.PermissionDenied},
		{"all fail", []runner{{takes: s / 4, err: grpctest.ErrOverloaded}}, 3, nil, []time.Duration{0, s / 4, s / 2}, 3 * s / 4, "", grpccodes.Unavailable},
		{
			"a pushback holds",
			[]runner{{takes: s / 4, err: grpctest.ErrOverloaded, pushback: "5000"}, {takes: s / 4}},
			3, nil,
			[]time.Duration{0, 5*s + s/4},
			5*s + s/2, "attempt 2", 0,
		},
		{
			"a pushback stops, and those under way go on",
			[]runner{{takes: 4 * s}, {takes: s / 4, err: grpctest.ErrOverloaded, pushback: "-1"}},
			4, nil,
			[]time.Duration{0, s},
			4 * s, "attempt 1", 0,
		},
		{"a pushback stops", []runner{{takes: s / 4, err: grpctest.ErrOverloaded, pushback: "-1"}}, 4, nil, []time.Duration{0}, s / 4, "", grpccodes.Unavailable},
		{"no delay", []runner{{takes: s}}, 3, []interceptor.Option{interceptor.WithHedge(0, 3)}, []time.Duration{0, 0, 0}, s, "attempt", 0},
		{"a cap on retries counts", []runner{{takes: 9 * s}}, 5, []interceptor.Option{interceptor.MaxRetries(1)}, []time.Duration{0, s}, 9 * s, "attempt 1", 0},
		{"none", []runner{{takes: 9 * s}}, 1, nil, []time.Duration{0}, 9 * s, "attempt 1", 0},
		{
			"an attempt timeout ends one of them",
			[]runner{{takes: 9 * s}, {takes: s / 2}},
			2,
			[]interceptor.Option{interceptor.WithAttemptTimeout(3 * s), interceptor.WithHedge(5*s, 2)},
			[]time.Duration{0, 3 * s},
			7 * s / 2, "attempt 2", 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLap(tt.runners...)
				opts := append([]interceptor.Option{interceptor.WithHedge(s, tt.most), interceptor.Repeatable()}, tt.opts...)
				b := retrytest.EarnedBudget(t, 9)
				conn := grpctest.Serve(t, l, retrytest.DialOptions(append(opts, interceptor.WithBudget(b))...)...)
				var reply *testpb.SimpleResponse
				var err error
				var header, trailer metadata.MD
				var from peer.Peer
				if got := grpctest.Took(func() {
					reply, err = grpctest.CallUnary(t.Context(), conn, grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
				}); got != tt.took {
					t.Errorf("it took %v, want %v", got, tt.took)
				}
				synctest.Wait()
				if diff := cmp.Diff(tt.starts, l.begun()); diff != "" {
					t.Errorf("attempts began (-want +got):\n%s", diff)
				}
				if tt.winner == "" {
					if status.Code(err) != tt.code {
						t.Errorf("got %v, want %v", err, tt.code)
					}
				} else if err != nil || !strings.HasPrefix(reply.GetUsername(), tt.winner) {
					t.Errorf("got %v, %v, want %s", reply, err, tt.winner)
				} else if got := "attempt " + strings.Join(header["attempt"], ","); got != reply.GetUsername() || trailer["attempt"][0] != header["attempt"][0] || from.Addr == nil {
					t.Errorf("header %v, trailer %v, peer %v, want the winner's", header, trailer, from.Addr)
				}
			})
		})
	}
}

// TestHedge_losersAreCancelled: the server sees it at once.
func TestHedge_losersAreCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLap(runner{takes: time.Hour}, runner{takes: time.Hour}, runner{takes: time.Second})
		var w retrytest.Watcher
		conn := grpctest.Serve(t, l, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable(), interceptor.WithObserver(w.Observe))...)
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.cut) != 2 {
			t.Errorf("%v were cancelled, want the first two", l.cut)
		}
		if last := w.Last(); last.Hedges != 2 || last.Attempt != 3 || last.Outcome != interceptor.Recovered {
			t.Errorf("got %+v, want 3 attempts, 2 of them hedges", last)
		}
	})
}

func TestHedge_costsTokens(t *testing.T) {
	for _, tt := range []struct{ tokens, attempts float64 }{{0, 1}, {1, 2}, {9, 3}} {
		synctest.Test(t, func(t *testing.T) {
			l := newLap(runner{takes: 9 * time.Second})
			b := retrytest.Budget(t, tt.tokens, 0)
			conn := grpctest.Serve(t, l, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable(), interceptor.WithBudget(b))...)
			if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			retrytest.WantTokens(t, b, tt.tokens-tt.attempts+1)
			if len(l.begun()) != int(tt.attempts) {
				t.Errorf("%v tokens: %d attempts, want %v", tt.tokens, len(l.begun()), tt.attempts)
			}
		})
	}
	t.Run("one that was held back and never began is given back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLap(runner{takes: 3 * time.Second}, runner{takes: time.Second / 2, err: grpctest.ErrOverloaded, pushback: "9000"})
			b := retrytest.Budget(t, 5, 0)
			var w retrytest.Watcher
			conn := grpctest.Serve(t, l, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable(), interceptor.WithBudget(b), interceptor.WithObserver(w.Observe))...)
			if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			retrytest.WantTokens(t, b, 4)
			if w.Last().Attempt != 2 {
				t.Errorf("%d attempts, want 2", w.Last().Attempt)
			}
		})
	})
}

func TestHedge_callerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLap(runner{takes: time.Hour})
		conn := grpctest.Serve(t, l, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable())...)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		var err error
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(ctx, conn) }); got != 90*time.Second || status.Code(err) != grpccodes.DeadlineExceeded {
			t.Errorf("got %v after %v, want DEADLINE_EXCEEDED after 90s", err, got)
		}
	})
}

func TestHedge_isForRepeatableUnaryCalls(t *testing.T) {
	hedge := interceptor.WithHedge(0, 3)
	t.Run("set for the connection it leaves others alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLap(runner{takes: time.Second})
			conn := grpctest.Serve(t, l, retrytest.DialOptions(hedge)...)
			if _, err := grpctest.CallUnary(t.Context(), conn); err != nil || len(l.begun()) != 1 {
				t.Errorf("got %v after %d attempts, want one", err, len(l.begun()))
			}
		})
	})
	t.Run("given to a call it is refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLap(runner{takes: time.Second})
			_, err := grpctest.CallUnary(t.Context(), grpctest.Serve(t, l, retrytest.DialOptions()...), hedge)
			if status.Code(err) != grpccodes.InvalidArgument || !strings.Contains(err.Error(), "interceptor.Repeatable()") || len(l.begun()) != 0 {
				t.Errorf("got %v after %d attempts, want INVALID_ARGUMENT and none", err, len(l.begun()))
			}
		})
	})
	t.Run("switched off with the retries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLap(runner{takes: time.Second})
			_, err := grpctest.CallUnary(t.Context(), grpctest.Serve(t, l, retrytest.DialOptions(hedge, interceptor.Repeatable())...), interceptor.Disable())
			if err != nil || len(l.begun()) != 1 {
				t.Errorf("got %v after %d attempts, want one", err, len(l.begun()))
			}
		})
	})
}

// TestHedge_losersOutliveTheCall: interceptors on the right may take no notice
// of a cancelled context, and write into their reply when the call is long over.
func TestHedge_losersOutliveTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, mu := 0, sync.Mutex{}
		stubborn := func(_ context.Context, _ string, req, reply any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
			mu.Lock()
			n++
			mine := n
			mu.Unlock()
			if mine > 1 {
				time.Sleep(time.Minute)
			} else {
				time.Sleep(3 * time.Second)
			}
			reply.(*testpb.SimpleResponse).Username = string(req.(*testpb.SimpleRequest).GetPayload().GetBody())
			return nil
		}
		intercept := interceptor.UnaryClientInterceptor(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable())
		req, reply := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("a")}}, &testpb.SimpleResponse{}
		var header metadata.MD
		opts := []grpc.CallOption{grpc.Header(&header)}
		if err := intercept(t.Context(), grpctest.UnaryMethod, req, reply, nil, stubborn, opts...); err != nil || reply.GetUsername() != "a" {
			t.Errorf("got %v, %v", reply, err)
		}
		req.Payload.Body, reply.Username, opts[0] = []byte("b"), "mine", nil
		for range 50 { // the state of the call is used again
			_ = intercept(t.Context(), grpctest.UnaryMethod, req, &testpb.SimpleResponse{}, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil })
		}
		time.Sleep(time.Hour)
		if reply.GetUsername() != "mine" {
			t.Errorf("a loser has written %q into the reply", reply.GetUsername())
		}
	})
}
