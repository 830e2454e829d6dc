package interceptor_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// quotaUntil refuses until a time of the bubble, and says how long that is.
func quotaUntil(open time.Time) grpctest.UnaryHandler {
	return func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if left := time.Until(open); left > 0 {
			return nil, grpctest.Hinted(left)
		}
		return &testpb.SimpleResponse{Username: "u"}, nil
	}
}

// gateEvents keeps what a gate tells.
type gateEvents struct {
	mu  sync.Mutex
	all []interceptor.GateEvent
}

func (g *gateEvents) observe(e interceptor.GateEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, e)
}

func (g *gateEvents) states() (states []gate.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.all {
		states = append(states, e.State)
	}
	return states
}

// inParallel makes n calls, each started a millisecond after the one before it,
// and returns when each ended, in the order in which they were started.
func inParallel(n int, call func(i int) error) (ended []time.Time, errs []error) {
	ended, errs = make([]time.Time, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = call(i)
			ended[i] = time.Now()
		})
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	return ended, errs
}

// TestGate_oneRefusalForAll: after the first refusal the calls that follow wait
// instead of being refused too; then they leave in the order in which they came.
func TestGate_oneRefusalForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(10 * time.Second))}
		var events gateEvents
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithGateObserver(events.observe))...)
		begin := time.Now()
		ended, errs := inParallel(20, func(int) error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if got := s.Attempts(); got != 25 {
			t.Errorf("the server saw %d attempts, want 25: one refused, four scouts refused, and one for each call", got)
		}
		if first := ended[0].Sub(begin); first < 10*time.Second || first > 12500*time.Millisecond {
			t.Errorf("the first call ended after %v, want 10s to 12.5s", first)
		}
		if !slices.IsSortedFunc(ended, time.Time.Compare) {
			t.Error("the calls did not end in the order in which they came")
		}
		if want := []gate.State{gate.Closed, gate.Open}; !slices.Equal(events.states(), want) {
			t.Errorf("told of %v, want %v", events.states(), want)
		}
		if e := events.all[0]; e.Key != grpctest.UnaryMethod || e.Failure.Class != codes.Quota || e.Until.Before(begin.Add(10*time.Second)) {
			t.Errorf("told %+v, want the key, the failure and a time", e)
		}
		if e := events.all[1]; e.Waiting < 15 || e.Pace <= 0 {
			t.Errorf("told %+v, want who waits and a pace", e)
		}
	})
}

// TestGate_withoutGate: every call finds out by itself.
func TestGate_withoutGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(10 * time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithoutGate())...)
		_, errs := inParallel(20, func(int) error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
		if err := errors.Join(errs...); err != nil || s.Attempts() != 40 {
			t.Errorf("got %v and %d attempts, want two for each of 20 calls", err, s.Attempts())
		}
	})
}

// TestGate_streams: the first message of a stream opens as a reply does, and
// opening one waits.
func TestGate_streams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := time.Now().Add(10 * time.Second)
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if left := time.Until(open); left > 0 {
				return grpctest.Hinted(left)
			}
			return out.Send(&testpb.StreamingOutputCallResponse{})
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		ended, errs := inParallel(10, func(int) error {
			stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
			if err != nil {
				return err
			}
			if _, err = stream.Recv(); err != nil {
				return err
			}
			if _, err = stream.Recv(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil || s.Attempts() != 15 {
			t.Errorf("got %v and %d attempts, want 15: one refused, four scouts refused, and one for each call", err, s.Attempts())
		}
		if !slices.IsSortedFunc(ended, time.Time.Compare) {
			t.Error("the streams did not end in the order in which they came")
		}
	})
}

// TestGate_cancelled: a call that ends while it waits returns at once, gives its
// place to the next, and tells why the gate was closed.
func TestGate_cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(10 * time.Second))}
		var events gateEvents
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithGateObserver(events.observe))...)
		begin := time.Now()
		ended, errs := inParallel(10, func(i int) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 1 {
				time.AfterFunc(700*time.Millisecond, cancel) // before a scout goes
			}
			_, err := grpctest.CallUnary(ctx, conn)
			return err
		})
		for i, err := range errs {
			if i%2 == 0 {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
				continue
			}
			if took := ended[i].Sub(begin); took > 800*time.Millisecond {
				t.Errorf("call %d ended after %v, want 700ms", i, took)
			}
			if status.Code(err) != grpccodes.Canceled || !errors.Is(err, context.Canceled) {
				t.Errorf("call %d: got %v, want CANCELLED", i, err)
			}
			var final *interceptor.Error
			if !errors.As(err, &final) || status.Code(final.Unwrap()) != grpccodes.ResourceExhausted || len(final.Attempts) != 0 {
				t.Errorf("call %d: got %#v, want the refusal that closed the gate, and no attempts", i, err)
			}
		}
		if e := events.all[len(events.all)-1]; e.State != gate.Open || e.Waiting > 4 {
			t.Errorf("told %+v, want an open gate, and at most 4 who wait", e)
		}
		if s.Attempts() != 10 {
			t.Errorf("the server saw %d attempts, want 10: one refused, four scouts refused, and one for each call", s.Attempts())
		}
	})
}

// TestGate_refusesWhatCannotCome: a call whose deadline comes before its turn, and
// before a scout could save it, gets the server's status at once, with what is left of
// the time that the server has named.
func TestGate_refusesWhatCannotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(time.Minute))}
		var w retrytest.Watcher
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithObserver(w.Observe))...)
		go func() { _, _ = grpctest.CallUnary(t.Context(), conn) }()
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := grpctest.CallUnary(ctx, conn)
		var final *interceptor.Error
		if !errors.As(err, &final) || final.Why != policy.GateClosed || status.Code(err) != grpccodes.ResourceExhausted {
			t.Fatalf("got %v, want the refusal, because of the gate", err)
		}
		if want := "the calls of this quota wait together: interceptor.WithoutGate() switches this off"; final.Advice != want {
			t.Errorf("the advice is %q, want %q", final.Advice, want)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v, want none", took)
		}
		const left = 59900 * time.Millisecond
		if after, ok := interceptor.RetryAfter(err); !ok || after != left {
			t.Errorf("RetryAfter is %v, %v, want %v", after, ok, left)
		}
		const sentence = "not sent: 1m0s were asked of this quota (/grpc.testing.TestService/UnaryCall at passthrough:///bufconn), 59.9s are left; " +
			"WithoutGate() switches this off"
		if want := "/grpc.testing.TestService/UnaryCall " + sentence + ": rpc error: code = ResourceExhausted desc = quota"; err.Error() != want {
			t.Errorf("the error says %q, want %q", err, want)
		}
		want, _ := status.New(grpccodes.ResourceExhausted, sentence).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(left)})
		if diff := cmp.Diff(want.Proto(), status.Convert(err).Proto(), protocmp.Transform()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if e := w.Last(); e.Attempt != 0 || e.Outcome != interceptor.NotRetried || e.Decision.Why != policy.GateClosed {
			t.Errorf("told %+v, want a call without attempts", e)
		}
		if s.Attempts() != 1 {
			t.Errorf("the server saw %d attempts, want 1", s.Attempts())
		}
	})
}

// TestGate_waitsAMinuteWithoutDeadline: then a call goes through.
func TestGate_waitsAMinuteWithoutDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(4 * time.Minute))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = grpctest.CallUnary(ctx, conn, interceptor.MaxRetries(0)) }()
		time.Sleep(time.Second)
		begin := time.Now()
		_, err := grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		if took := time.Since(begin); took != time.Minute || status.Code(err) != grpccodes.ResourceExhausted {
			t.Errorf("got %v after %v, want the server's refusal after 1m", err, took)
		}
		cancel()
	})
}

// TestGate_keys: calls for another model, another project or another method do
// not wait, those of another form of the same method do.
func TestGate_keys(t *testing.T) {
	with := func(kv ...string) context.Context {
		return metadata.AppendToOutgoingContext(context.Background(), kv...)
	}
	const generate = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"
	flash := with("x-goog-request-params", "model=models%2Fflash")
	base := interceptor.GateKey(flash, generate)
	for _, c := range []struct {
		name   string
		ctx    context.Context
		method string
		same   bool
	}{
		{"the same", with("x-goog-request-params", "model=models%2Fflash"), generate, true},
		{"as a stream", flash, strings.Replace(generate, "Generate", "StreamGenerate", 1), false},
		{"another model", with("x-goog-request-params", "model=models%2Fpro"), generate, false},
		{"another project", with("x-goog-request-params", "model=models%2Fflash", "x-goog-user-project", "p"), generate, false},
		{"another method", flash, strings.Replace(generate, "GenerateContent", "CountTokens", 1), false},
		{"other params", with("x-goog-request-params", "model=models%2Fflash&name=x"), generate, true},
		{"params that are broken", with("x-goog-request-params", "%%%"), generate, false},
	} {
		want := c.same || c.name == "as a stream"
		method := c.method
		if c.name == "as a stream" {
			method = "/google.ai.generativelanguage.v1beta.GenerativeService/StreamGenerateContent"
		}
		if got := interceptor.GateKey(c.ctx, method) == base; got != want {
			t.Errorf("%s: same gate %v, want %v", c.name, got, want)
		}
	}
	if a, b := interceptor.GateKey(context.Background(), "/shop.Catalog/StreamItems"), interceptor.GateKey(context.Background(), "/shop.Catalog/Items"); a == b {
		t.Error("methods of a service that is not Google's share a gate")
	}
}

// TestGate_keyOfTheCaller: WithGateKey parts tenants.
func TestGate_keyOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type tenant struct{}
		s := &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if md, _ := metadata.FromIncomingContext(ctx); md.Get("tenant")[0] == "a" {
				return nil, grpctest.Hinted(time.Hour / 20)
			}
			return &testpb.SimpleResponse{}, nil
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithGateKey(func(ctx context.Context, _ string) string {
			name, _ := ctx.Value(tenant{}).(string)
			return name
		}))...)
		as := func(name string) context.Context {
			return metadata.AppendToOutgoingContext(context.WithValue(t.Context(), tenant{}, name), "tenant", name)
		}
		_, _ = grpctest.CallUnary(as("a"), conn, interceptor.MaxRetries(0))
		if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(as("b"), conn) }); got != 0 {
			t.Errorf("another tenant waited %v, want none", got)
		}
		if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(as("a"), conn, interceptor.Disable()) }); got != 0 {
			t.Errorf("a call without retries waited %v, want none", got)
		}
		if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(as("a"), conn, interceptor.MaxRetries(0)) }); got != time.Minute {
			t.Errorf("the same tenant waited %v, want 1m", got)
		}
	})
}

// TestGate_outage: with FleetGate an outage costs a channel some probes, and every
// call that has the time gets through.
func TestGate_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		down := func() bool {
			since := time.Since(begin)
			return since > 10*time.Second && since < 40*time.Second
		}
		s := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if down() {
				return nil, grpctest.ErrOverloaded
			}
			time.Sleep(100 * time.Millisecond)
			return &testpb.SimpleResponse{}, nil
		}}
		var events gateEvents
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithConfig(policy.FleetConfig()), interceptor.WithGateObserver(events.observe))...)
		var wg sync.WaitGroup
		errs := make([]error, 600)
		for i := range errs { // 10 calls a second for a minute
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, errs[i] = grpctest.CallUnary(ctx, conn, interceptor.Repeatable())
			})
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if got := s.Attempts(); got > 640 {
			t.Errorf("the server saw %d attempts of 600 calls, want at most 640", got)
		}
		states := events.states()
		if len(states) < 2 || states[0] != gate.Probing || states[len(states)-1] != gate.Open {
			t.Errorf("told of %v, want it probing first and open at last", states)
		}
	})
}

// TestGate_race: many calls that are refused, wait, are cancelled and succeed
// beside each other, on the runtime's clock: all of them end.
func TestGate_race(t *testing.T) {
	var mu sync.Mutex
	n := 0
	s := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n%7 == 0 {
			return nil, grpctest.Hinted(5 * time.Millisecond)
		}
		if n%11 == 0 {
			return nil, grpctest.ErrOverloaded
		}
		return &testpb.SimpleResponse{}, nil
	}}
	table := retrytest.AtOnce(5)
	conn := grpctest.Serve(t, s, interceptor.DialOptions(
		interceptor.WithTable(table), interceptor.WithGate(policy.GateConfig{
			Hints: true, Probes: true, Again: time.Millisecond, MinSpread: time.Millisecond, ProbeBase: time.Millisecond, ProbeMax: 10 * time.Millisecond,
		}),
		interceptor.WithGateObserver(func(interceptor.GateEvent) {}), interceptor.WithoutBudget(),
	)...)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 10 {
				timeout := 10 * time.Second
				if (i+j)%3 == 0 {
					timeout = time.Duration(1+j) * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				_, err := grpctest.CallUnary(ctx, conn, interceptor.Repeatable())
				cancel()
				if _, ok := status.FromError(err); !ok {
					t.Errorf("got %v, want a status", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatal("some calls still wait")
	}
}

// TestGate_leavesNothing: when a gate is at rest no timer and no goroutine is
// left, and calls take the short way again.
func TestGate_leavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(5 * time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn)
		synctest.Wait() // for goroutines of grpc on their way
		before := grpctest.Goroutines(t)
		_, _ = inParallel(50, func(int) error { _, err := grpctest.CallUnary(t.Context(), conn); return err })
		time.Sleep(2 * time.Minute)
		_, _ = grpctest.CallUnary(t.Context(), conn)
		synctest.Wait()
		if got := grpctest.Goroutines(t); got > before {
			t.Errorf("%d goroutines, want %d", got, before)
		}
	})
}

// TestGate_isForgotten: a gate that no call comes to any more is dropped, so that
// calls for other keys take the short way again; and an observer that panics breaks
// nothing.
func TestGate_isForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := 0
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(
			interceptor.WithGateKey(func(context.Context, string) string { keys++; return "k" }),
			interceptor.WithGateObserver(func(interceptor.GateEvent) { panic("observer") }),
		)...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		time.Sleep(5 * time.Minute)
		asked := keys
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil || keys != asked {
			t.Errorf("got %v, and was asked for the key %d times, want none", err, keys-asked)
		}
	})
}

// TestGate_optionsInvalid: a figure that makes no sense is an error that names it.
func TestGate_optionsInvalid(t *testing.T) {
	for want, o := range map[string]interceptor.Option{
		"policy: gate: headroom 0.5: want >= 1":    interceptor.WithGate(policy.GateConfig{Headroom: 0.5}),
		"interceptor: WithGateKey: nil: want":      interceptor.WithGateKey(nil),
		"interceptor: WithGateObserver: nil: want": interceptor.WithGateObserver(nil),
		"interceptor: WithBreaker: nil: want":      interceptor.WithBreaker(nil),
	} {
		if got := grpctest.MustPanic(t, func() { interceptor.New(o) }); !strings.Contains(got, want) {
			t.Errorf("panics with %q, want %q", got, want)
		}
	}
}

// TestGate_oneCallAfterTheOther: a caller that makes one call after the other waits
// for the time that the server has named, and for nothing else.
func TestGate_oneCallAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: quotaUntil(time.Now().Add(40 * time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithRand(retrytest.NoSpread))...)
		begin := time.Now()
		for range 20 {
			if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(begin); got != 40*time.Second {
			t.Errorf("20 calls took %v, want 40s", got)
		}
	})
}
