package targets_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestTargets_dryRun: a gate that only pretends holds no call, and so sends none elsewhere;
// failures still do.
func TestTargets_dryRun(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(40*time.Second, grpctest.Hinted(40*time.Second))}
	run(t, h, func(p *program) {
		p.want("b", 0)
		p.want("b", 0)
		p.wantRequests("a2 b2 c0")
		time.Sleep(time.Minute)
		p.want("a", 0)
	}, interceptor.WithGateDryRun())
}

// TestTargets_hedge: a hedged call chooses its target before its first attempt, and hedges
// there.
func TestTargets_hedge(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{
		"a": h.until(40*time.Second, grpctest.Hinted(40*time.Second)),
		"b": func(n int) error {
			if n == 2 { // the first attempt of the hedged call
				time.Sleep(10 * time.Second)
			}
			if n == 5 { // meanwhile the gate of a opens
				time.Sleep(time.Minute)
				return grpctest.ErrOverloaded
			}
			return nil
		},
	}
	run(t, h, func(p *program) {
		p.want("b", 0) // closes the gate of a
		hedge := interceptor.WithHedge(time.Second, 3)
		if got, took, err := p.call(hedge); got != "b" || took != time.Second || err != nil {
			p.Errorf("got %q after %v, %v: want a hedge at b", got, took, err)
		}
		if got, _, err := p.call(hedge); got != "b" || err != nil {
			p.Errorf("got %q, %v", got, err)
		}
		if got, _, err := p.call(interceptor.WithHedge(time.Hour, 3)); got != "b" || err != nil {
			p.Errorf("got %q, %v: want the second attempt at b too", got, err)
		}
		for _, e := range p.events.Events[2:] {
			if e.TargetName != "b" {
				p.Errorf("got %+v, want all at b", e)
			}
		}
		p.wantRequests("a1 b6 c0")
		time.Sleep(time.Minute) // until the server has noticed that nobody waits
	})
}

// TestTargets_closedConnection: a target whose connection is closed is none; one that is
// down is left at once, and not waited for.
func TestTargets_closedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := grpctest.Serve(t, grpctest.SilentFirst(0))
		_ = closed.Close()
		var outage grpctest.Outage
		outage.Stop()
		down := outage.Connect(t)
		var home grpctest.Outage
		well := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
		up := grpctest.Serve(t, well)
		conn := home.Connect(t, retrytest.DialOptions(
			interceptor.Repeatable(), interceptor.WithTargets(
				interceptor.Target{Name: "closed", Conn: closed}, interceptor.Target{Name: "down", Conn: down}, interceptor.Target{Name: "up", Conn: up},
			))...)
		for range 2 { // also when the connection is known to be down
			began := time.Now()
			if err := grpctest.CallUnaryOnce(t.Context(), conn); err != nil || time.Since(began) != 0 {
				t.Errorf("got %v after %v, want an answer at once", err, time.Since(began))
			}
		}
		if well.Attempts() != 2 {
			t.Errorf("%d attempts, want 2", well.Attempts())
		}
	})
}

// TestTargets_callerEnds: a caller that ends while its call stands at several closed gates
// leaves all of them.
func TestTargets_callerEnds(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": refusing(grpctest.Hinted(40 * time.Second)), "b": refusing(grpctest.Hinted(50 * time.Second)), "c": refusing(grpctest.Hinted(60 * time.Second))}
	run(t, h, func(p *program) {
		p.close()
		for name, end := range map[string]func(cancel func()){
			"while it waits": func(cancel func()) { time.AfterFunc(20*time.Second, cancel) },
			"before it":      func(cancel func()) { cancel() },
		} {
			ctx, cancel := context.WithCancel(p.Context())
			end(cancel)
			_, _, err := p.callIn(ctx)
			if status.Code(err) != grpccodes.Canceled {
				p.Errorf("%s: got %v, want the caller's end", name, err)
			}
			if n := p.retrier.Gates().Waiting; n != 0 {
				p.Errorf("%s: %d calls wait", name, n)
			}
		}
	})
}

// breaker counts the permissions not given back.
type breaker struct{ asked, open atomic.Int64 }

// Allow implements interceptor.Breaker.
func (b *breaker) Allow() (func(error), error) {
	b.asked.Add(1)
	b.open.Add(1)
	return func(error) { b.open.Add(-1) }, nil
}

// TestTargets_breakerAndTimeout: every attempt asks the breaker, and an attempt timeout at a
// target ends the attempt there.
func TestTargets_breakerAndTimeout(t *testing.T) {
	b := new(breaker)
	h := &house{answers: map[string]func(int) error{"a": func(int) error { time.Sleep(time.Hour); return nil }, "b": refusing(grpctest.Hinted(40 * time.Second))}}
	run(t, h, func(p *program) {
		p.want("c", time.Second+time.Second) // the timeout, and the wait of the row over the same connection
		if b.asked.Load() != 3 || b.open.Load() != 0 {
			p.Errorf("the breaker was asked %d times, and %d places are not given back", b.asked.Load(), b.open.Load())
		}
		p.wantRequests("a1 b1 c1")
		time.Sleep(2 * time.Hour) // likewise
	}, interceptor.WithBreaker(b), interceptor.WithAttemptTimeout(time.Second), interceptor.WithBudget(retrytest.EarnedBudget(t, 3)))
}

// TestTargets_refresh: an expired token is renewed at the target that has refused it.
func TestTargets_refresh(t *testing.T) {
	expired := grpctest.WithInfo(t, grpccodes.Unauthenticated, "expired", "ACCESS_TOKEN_EXPIRED")
	refreshed := 0
	h := &house{answers: map[string]func(int) error{"a": refusing(errPerDay), "b": first(expired)}}
	run(t, h, func(p *program) {
		p.want("b", 0)
		if p.wantRequests("a1 b2 c0"); refreshed != 1 {
			p.Errorf("%d refreshes, want one", refreshed)
		}
	}, interceptor.WithRefresh(func(context.Context) error { refreshed++; return nil }))
}

// TestTargets_serverFirst: a stream that begins at a target, and whose server speaks before
// the client, adapts the first message all the same.
func TestTargets_serverFirst(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(time.Minute))}}
	run := func(p *program) {
		p.want("b", 0)
		stream, err := testpb.NewTestServiceClient(p.conn).FullDuplexCall(withModel(p.Context(), "a"))
		if err != nil {
			p.Fatal(err)
		}
		if md, err := stream.Header(); err != nil || len(md.Get("early")) == 0 {
			p.Fatalf("got %v, %v, want a header before any message", md, err)
		}
		if err := stream.Send(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte("a")}}); err != nil {
			p.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil || string(got.GetPayload().GetBody()) != "b" {
			p.Errorf("got %v, %v, want the message for b", got, err)
		}
		_ = stream.CloseSend()
		_, _ = stream.Recv()
	}
	runOn(t, h, early{h.server()}, run, interceptor.Repeatable(), byModel)
}

// early is a server that sends a header before it listens.
type early struct{ *grpctest.Server }

// FullDuplexCall implements testpb.TestServiceServer.
func (s early) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	if err := stream.SendHeader(metadata.Pairs("early", "yes")); err != nil {
		return err
	}
	return s.Server.FullDuplexCall(stream)
}

// TestTargets_waitsElsewhere: a call that was refused at one target, and waits at another's
// gate, is a newcomer there: it may scout, and the hint of the first does not hold it.
func TestTargets_waitsElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		well time.Duration // from when on b accepts
		took [2]time.Duration
	}{
		"a scout":     {10 * time.Second, [2]time.Duration{0, 20 * time.Second}},
		"a long hint": {time.Minute, [2]time.Duration{49 * time.Second, 60 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{}
			h.answers = map[string]func(int) error{
				"a": refusing(grpctest.Hinted(200 * time.Second)),
				"b": func(int) error {
					if now := time.Since(h.began); now < c.well {
						return grpctest.Hinted(60*time.Second - now)
					}
					return nil
				},
			}
			run(t, h, func(p *program) {
				soon, cancel := context.WithTimeout(withModel(p.Context(), "b"), time.Second)
				defer cancel()
				direct := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("b")}}
				_, _ = testpb.NewTestServiceClient(p.conn).UnaryCall(soon, direct, interceptor.WithTargets())
				if g := p.retrier.Gates(); g.Closed != 1 {
					p.Errorf("got %+v, want the gate of b closed", g)
				}
				time.Sleep(10 * time.Second)
				var all sync.WaitGroup
				for range 4 { // a single one would not scout
					all.Go(func() {
						got, took, err := p.call()
						if got != "b" || err != nil || took < c.took[0] || took > c.took[1] {
							p.Errorf("got %q after %v, %v: want b after %v", got, took, err, c.took)
						}
					})
				}
				all.Wait()
			}, interceptor.WithTargets(to("b")))
		})
	}
}
