package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

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

// TestGate_keysAreBounded: with 5,000 keys a Retrier keeps some, and those that are
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
		for i := range 5_000 {
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

// serveAs is serve for a target.
func serveAs(t *testing.T, target string, s *grpctest.Server, dial ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, s)
	return grpctest.ConnectAs(t, target, srv, dial...)
}
