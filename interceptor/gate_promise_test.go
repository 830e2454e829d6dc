package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestGate_refusedScoutHasItsRetriesLeft: a call with one retry that was refused as a
// scout goes back to its place, and succeeds in its second attempt or its third; the
// server is told how many there were.
func TestGate_refusedScoutHasItsRetriesLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(3, grpctest.Hinted(10*time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		errs := make(chan error, 4)
		for range 4 { // the first closes the gate, and two scout while it is closed
			go func() {
				_, err := grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(1))
				errs <- err
			}()
			time.Sleep(10 * time.Millisecond)
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Errorf("got %v, want success: a scout's refusal counts as no retry", err)
			}
		}
		var told []string
		for _, md := range s.Metadata() {
			told = append(told, md["grpc-previous-rpc-attempts"]...)
		}
		slices.Sort(told)
		if got := strings.Join(told, " "); got != "1 1 1" {
			t.Errorf("the server was told of %q previous attempts, want 1 of three calls", got)
		}
		if got := s.Gaps(); got[0] > 1300*time.Millisecond || got[1] > 2600*time.Millisecond {
			t.Errorf("the attempts came %v apart, want scouts after 1 s and 2 s", got)
		}
	})
}

// TestGate_targets: a server's calls do not wait because another server has refused,
// though both connections have the same Retrier; connections to the same one share
// their gates.
func TestGate_targets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
		refusing, well := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.Hinted(time.Minute))}, &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
		a := serveAs(t, "passthrough:///a", refusing, r.DialOptions()...)
		again := serveAs(t, "passthrough:///a", well, r.DialOptions()...)
		b := serveAs(t, "passthrough:///b", well, r.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), a, interceptor.MaxRetries(0))
		if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(t.Context(), b) }); got != 0 {
			t.Errorf("a call to another server waited %v, want none", got)
		}
		if got := grpctest.Took(func() { _, _ = grpctest.CallUnary(t.Context(), again) }); got == 0 {
			t.Error("a call to the same server did not wait")
		}
	})
}

// TestGate_keysAreBounded: with 20,000 keys a Retrier keeps some, and those that are
// used.
func TestGate_keysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type tenant struct{}
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.Hinted(time.Minute))}
		r := interceptor.New(interceptor.WithoutBudget(), interceptor.WithGateKey(func(ctx context.Context, _ string) string {
			return fmt.Sprint(ctx.Value(tenant{}))
		}))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		as := func(i int) context.Context { return context.WithValue(t.Context(), tenant{}, i) }
		for i := range 20_000 {
			_, _ = grpctest.CallUnary(as(i), conn, interceptor.MaxRetries(0))
			if i%500 == 0 {
				ctx, cancel := context.WithTimeout(as(0), time.Millisecond) // it is still used
				_, err := grpctest.CallUnary(ctx, conn)
				cancel()
				if i > 0 && interceptor.FailureOf(err).Class != codes.Quota {
					t.Fatalf("after %d keys: got %v, want the first one's gate", i, err)
				}
			}
		}
		if n := r.Gates(); n.Closed > 1024 || n.Closed < 1000 {
			t.Errorf("there are %d gates, want 1,024", n.Closed)
		}
	})
}

// TestGate_reload: a gate that is switched off by a reload lets go whoever waits, and
// closes no more; one that is switched on closes; probes that are switched on work.
func TestGate_reload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.DefaultConfig()
		live, err := policy.NewLive(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var events gateEvents
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute))}
		conn := grpctest.Serve(t, s, interceptor.DialOptions(interceptor.WithLive(live), interceptor.WithGateObserver(events.observe), interceptor.WithRand(retrytest.NoSpread))...)
		set := func(g policy.GateConfig) {
			cfg.Gate = g
			if err := live.Store(cfg); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		time.AfterFunc(500*time.Millisecond, func() { set(policy.GateConfig{}) })
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) }); got != 500*time.Millisecond || err != nil {
			t.Errorf("got %v after %v, want success when the gate was switched off", err, got)
		}
		s.Unary = grpctest.RefuseAlways(grpctest.Hinted(time.Minute))
		before := len(events.states())
		for range 5 {
			_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		}
		if got := events.states()[before:]; len(got) > 0 {
			t.Errorf("told of %v while the gate was off, want nothing", got)
		}
		s.Unary = grpctest.RefuseFirst(0, nil)
		set(policy.FleetGate())
		for range 20 {
			_, _ = grpctest.CallUnary(t.Context(), conn)
			time.Sleep(100 * time.Millisecond)
		}
		s.Unary = grpctest.RefuseAlways(grpctest.ErrOverloaded)
		before = len(events.states())
		for range 4 {
			go func() { _, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0)) }()
			time.Sleep(10 * time.Millisecond)
		}
		if got := events.states()[before:]; len(got) != 1 || got[0] != gate.Probing {
			t.Errorf("told of %v in trouble after probes were switched on, want probing", got)
		}
	})
}

// TestGate_reloadLeavesNoTrace: a Retrier that is gone is told of no reload.
func TestGate_reloadLeavesNoTrace(t *testing.T) {
	live, err := policy.NewLive(policy.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	stop := live.OnStore(func() { calls++ })
	if err := live.Store(policy.FleetConfig()); err != nil || calls != 1 {
		t.Errorf("got %v and %d calls, want 1", err, calls)
	}
	stop()
	if err := live.Store(policy.Config{Limits: policy.Limits{MaxAttempts: -1}}); err == nil {
		t.Error("a wrong configuration was stored")
	}
	if err := live.Store(policy.DefaultConfig()); err != nil || calls != 1 {
		t.Errorf("got %v and %d calls after stop, want 1", err, calls)
	}
}

// TestGate_connectionCloses: a call that waits is let go when its connection closes,
// and leaves no goroutine behind, or the bubble would not end.
func TestGate_connectionCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.Hinted(time.Minute))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		time.AfterFunc(300*time.Millisecond, func() { _ = conn.Close() })
		var err error
		if got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) }); got != 300*time.Millisecond {
			t.Errorf("it returned after %v, want 300ms", got)
		}
		if status.Code(err) != grpccodes.Canceled {
			t.Errorf("got %v, want CANCELLED as grpc says of a closed connection", err)
		}
	})
}

// TestGate_size: a small request passes the gate that a large one has closed.
func TestGate_size(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: func(_ context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			if len(in.GetPayload().GetBody()) > 5000 {
				return nil, grpctest.Hinted(38 * time.Second)
			}
			return &testpb.SimpleResponse{}, nil
		}}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		client := testpb.NewTestServiceClient(conn)
		ask := func(size int) *testpb.SimpleRequest {
			return &testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, size)}}
		}
		_, _ = client.UnaryCall(t.Context(), ask(20_000), interceptor.MaxRetries(0))
		for range 3 {
			if got := grpctest.Took(func() { _, _ = client.UnaryCall(t.Context(), ask(1000)) }); got != 0 {
				t.Errorf("a small request waited %v, want none", got)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := client.UnaryCall(ctx, ask(19_000)); !errors.Is(err, context.DeadlineExceeded) && interceptor.FailureOf(err).Class != codes.Quota {
			t.Errorf("a large one got %v, want it to wait", err)
		}
	})
}

// TestGate_logs: a closing, a reopening before its time and a long wait are a line each;
// the line of a retry names the wait that follows.
func TestGate_logs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(20*time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithLogger(&j), interceptor.WithRand(retrytest.NoSpread))...)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = grpctest.CallUnary(t.Context(), conn) })
			time.Sleep(time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _ = grpctest.CallUnary(ctx, conn)
		wg.Wait()
		for _, want := range []string{
			"ERROR [RETRY] Quota: the gate turned /grpc.testing.TestService/UnaryCall away, and it was not sent (gate-closed): " +
				"the calls of this quota wait together: interceptor.WithoutGate() switches this off",
			"retry.attempt=0 | retry.wait=0s | retry.elapsed=0s | retry.reach=Unsent",
			"INFO [RETRY] Quota: gate closed for /grpc.testing.TestService/UnaryCall at passthrough:///bufconn, because of quota-hint, until 2000-01-01T00:00:20Z: 0 calls wait",
			"WARN [RETRY] Quota: attempt 1 of /grpc.testing.TestService/UnaryCall failed, next in 20s, when the gate opens",
			"INFO [RETRY] gate reopened for /grpc.testing.TestService/UnaryCall at passthrough:///bufconn",
			"the server took a call before the time that it had named, and until 2000-01-01T00:05:01Z a single refusal closes nothing",
			"DEBUG [RETRY] /grpc.testing.TestService/UnaryCall has waited 20s at the gate of /grpc.testing.TestService/UnaryCall at passthrough:///bufconn",
		} {
			found := 0
			for _, line := range j.Lines {
				if strings.Contains(line, want) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%d lines say %q, want one, in:\n%s", found, want, strings.Join(j.Lines, "\n"))
			}
		}
	})
}

// serveAs is serve for a target.
func serveAs(t *testing.T, target string, s *grpctest.Server, dial ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, s)
	return grpctest.ConnectAs(t, target, srv, dial...)
}

// TestGate_unsentScout: a call that is a scout and then is not sent says nothing of the
// server.
func TestGate_unsentScout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute))}
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := grpctest.CallUnary(ctx, conn, interceptor.NotRepeatable(), interceptor.WithHedge(time.Second, 2))
		if status.Code(err) != grpccodes.InvalidArgument {
			t.Fatalf("got %v, want it to say that the method is not hedged", err)
		}
		time.Sleep(10 * time.Second)
		if n := r.Gates(); n.Closed != 1 {
			t.Errorf("got %+v, want a closed gate: nothing was sent", n)
		}
	})
}

// TestGate_streamPastTheBuffer: a stream that is too large to be retried tells the gate
// how it ended all the same.
func TestGate_streamPastTheBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, refused := range map[string]bool{"refused": true, "accepted": false} {
			var events gateEvents
			s := &grpctest.Server{
				Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute)),
				Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
					if refused {
						return grpctest.Hinted(time.Minute)
					}
					return nil
				},
			}
			oneKey := interceptor.WithGateKey(func(context.Context, string) string { return "k" })
			r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), interceptor.WithReplayBuffer(10), interceptor.WithGateObserver(events.observe), oneKey)
			client := testpb.NewTestServiceClient(grpctest.Serve(t, s, r.DialOptions()...))
			_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.MaxRetries(0))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			stream, err := client.StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 100)}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			time.Sleep(100 * time.Millisecond)
			if n := r.Gates(); (n.Closed == 1) != refused {
				t.Errorf("%s: %+v after %v", name, n, err)
			}
			cancel()
			time.Sleep(10 * time.Minute)
			if got := events.states(); refused && len(got) != 2 {
				t.Errorf("%s: %v, want one closing and one reopening", name, got)
			}
		}
	})
}
