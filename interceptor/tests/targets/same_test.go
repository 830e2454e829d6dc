package targets_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestTargets_ownConnection: the connection of the call itself is no other place, as when
// connections of one Retrier are listed for each other.
func TestTargets_ownConnection(t *testing.T) {
	for name, err := range map[string]error{
		"a quota": status.Error(grpccodes.ResourceExhausted, "busy"), "overload": grpctest.ErrOverloaded, "a spent quota": errPerDay,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gaps := map[bool][]time.Duration{}
				for _, listed := range []bool{false, true} {
					east := &grpctest.Server{Unary: grpctest.RefuseAlways(err)}
					conn := grpctest.Serve(t, east, retrytest.DialOptions(interceptor.Repeatable())...)
					var targets []interceptor.Target
					if listed {
						targets = []interceptor.Target{{Name: "east", Conn: conn}}
					}
					_ = grpctest.CallUnaryOnce(t.Context(), conn, interceptor.WithTargets(targets...))
					gaps[listed] = east.Gaps()
				}
				if !slices.Equal(gaps[true], gaps[false]) {
					t.Errorf("asked after %v, want %v as without the target", gaps[true], gaps[false])
				}
			})
		})
	}
}

// TestTargets_stop: a server that wants no retry of the call gets none, whatever the model.
func TestTargets_stop(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(5 * time.Second)), "b": refusing(grpctest.ErrOverloaded)}}
	server := h.server()
	answer := server.Unary
	server.Unary = func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		if string(in.GetPayload().GetBody()) == "b" {
			_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "-1"))
		}
		return answer(ctx, n, in)
	}
	runOn(t, h, server, func(p *program) {
		if _, took, err := p.call(); took != 0 || status.Code(err) != grpccodes.Unavailable {
			p.Errorf("got %v after %v, want the end at once", err, took)
		}
		if why := p.events.Last().Decision.Why; why != policy.PushbackStop {
			p.Errorf("got %v", why)
		}
		p.wantRequests("a1 b1 c0")
	}, interceptor.Repeatable(), interceptor.WithTargets(to("b")))
}

// TestTargets_closesMeanwhile: a target that closes while a call is about to move there saves
// no retry of the row, and neither does a refused scout there: the server in trouble gets no
// more requests than without targets.
func TestTargets_closesMeanwhile(t *testing.T) {
	for name, c := range map[string]struct{ deadline, wait time.Duration }{
		"no scout": {time.Hour, 0},
		"a scout":  {time.Minute, 2 * time.Second}, // too near for b; refused there, it waits once more
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.ErrOverloaded), "b": refusing(grpctest.Hinted(2 * time.Minute))}}
			run(t, h, func(p *program) {
				time.AfterFunc(time.Second, func() {
					ctx, cancel := context.WithTimeout(withModel(p.Context(), "b"), time.Second)
					defer cancel()
					direct := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("b")}}
					_, _ = testpb.NewTestServiceClient(p.conn).UnaryCall(ctx, direct, interceptor.WithTargets())
				})
				ctx, cancel := context.WithTimeout(p.Context(), c.deadline)
				defer cancel()
				_, _, _ = p.callIn(ctx)
				want := []time.Duration{0, 2*time.Second + c.wait, 6*time.Second + c.wait, 14*time.Second + c.wait}
				if got := h.asked("a"); !slices.Equal(got, want) {
					p.Errorf("a was asked after %v, want %v", got, want)
				}
			}, interceptor.WithTargets(to("b")))
		})
	}
}

// TestTargets_siblings: two models of another server have gates of their own, also if no
// header names the model.
func TestTargets_siblings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there := &house{began: time.Now(), answers: map[string]func(int) error{"b": refusing(grpctest.Hinted(30 * time.Second))}}
		srv := grpc.NewServer()
		testpb.RegisterTestServiceServer(srv, there.server())
		east := grpctest.ConnectAs(t, "passthrough:///east", srv)
		plainly := func(model string) interceptor.Target {
			return interceptor.Target{Name: model, Conn: east, Adapt: func(ctx context.Context, _ any) (context.Context, any, bool) {
				return ctx, &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte(model)}}, true
			}}
		}
		here := &house{began: time.Now(), answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(40 * time.Second))}}
		conn := grpctest.Serve(t, here.server(), retrytest.DialOptions(interceptor.WithTargets(plainly("b"), plainly("c")))...)
		for range 2 {
			began := time.Now()
			in := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("a")}}
			reply, err := testpb.NewTestServiceClient(conn).UnaryCall(t.Context(), in)
			if took := time.Since(began); err != nil || reply.GetUsername() != "c" || took != 0 {
				t.Errorf("got %q after %v, %v: want c at once", reply.GetUsername(), took, err)
			}
		}
		if n := len(there.asked("b")); n != 1 {
			t.Errorf("b was asked %d times, want once", n)
		}
	})
}
