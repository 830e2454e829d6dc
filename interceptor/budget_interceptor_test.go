package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// failingServer fails every call and every stream with err.
func failingServer(err error) *grpctest.Server {
	return &grpctest.Server{
		Unary: grpctest.RefuseAlways(err),
		Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
			return err
		},
	}
}

// streamOnce opens a server stream and returns the error it fails with.
func streamOnce(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

func TestBudget_anExhaustedOneStopsRetries(t *testing.T) {
	b := retrytest.Budget(t, 5, 0)
	var w retrytest.Watcher
	s := failingServer(grpctest.ErrOverloaded)
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		for _, attempts := range []int{4, 7, 8} { // three retries, two, none
			_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
			if status.Code(err) != grpccodes.Unavailable || s.Attempts() != attempts {
				t.Errorf("got %v after %d attempts in all, want UNAVAILABLE after %d", err, s.Attempts(), attempts)
			}
		}
		want := []policy.Why{
			policy.Backoff, policy.Backoff, policy.Backoff, policy.ClassExhausted,
			policy.Backoff, policy.Backoff, policy.BudgetExhausted, policy.BudgetExhausted,
		}
		if diff := cmp.Diff(want, w.Whys()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if e, ok := errors.AsType[*interceptor.Error](err); !ok || len(e.Attempts) != 1 || !strings.Contains(e.Error(), "interceptor.WithBudget") {
			t.Errorf("got %v, want an *Error of one attempt that names the option", err)
		}
		retrytest.WantTokens(t, b, 0)
	}, interceptor.WithBudget(b), interceptor.WithObserver(w.Observe))
}

func TestBudget_successesEarn(t *testing.T) {
	for name, opt := range map[string]interceptor.Option{
		"with evidence":    nil,
		"without evidence": interceptor.WithoutEvidence(),
		"with an observer": interceptor.WithObserver(func(context.Context, interceptor.Event) {}),
	} {
		t.Run(name, func(t *testing.T) {
			b := retrytest.Budget(t, 2, 0.5)
			s := &grpctest.Server{Unary: func(_ context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if in.GetFillUsername() {
					return &testpb.SimpleResponse{}, nil
				}
				return nil, grpctest.ErrOverloaded
			}}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				fail := func() { _, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}) }
				succeed := func() { _, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{FillUsername: true}) }
				fail()
				retrytest.WantTokens(t, b, 0)
				succeed()
				retrytest.WantTokens(t, b, 0.5)
				before := s.Attempts()
				fail() // half a token pays for nothing
				if got := s.Attempts() - before; got != 1 {
					t.Errorf("got %d attempts, want 1", got)
				}
				for range 10 {
					succeed()
				}
				retrytest.WantTokens(t, b, 2) // no more than it can hold
			}, opt, interceptor.WithBudget(b), interceptor.Repeatable())
		})
	}
}

func TestBudget_aRecoveredCallEarnsToo(t *testing.T) {
	b := retrytest.Budget(t, 10, 1)
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(3, grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		retrytest.WantTokens(t, b, 8) // three paid, one earned
	}, interceptor.WithBudget(b))
}

func TestBudget_isSharedByUnaryCallsAndStreams(t *testing.T) {
	b := retrytest.Budget(t, 4, 0)
	s := failingServer(grpctest.ErrOverloaded)
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithBudget(b))...)
		if err := streamOnce(t.Context(), conn); status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v, want UNAVAILABLE", err)
		}
		retrytest.WantTokens(t, b, 1)
		_, _ = grpctest.CallUnary(t.Context(), conn)
		retrytest.WantTokens(t, b, 0)
		if s.Attempts() != 6 {
			t.Errorf("got %d attempts, want 4 of the stream and 2 of the call", s.Attempts())
		}
		_ = streamOnce(t.Context(), conn)
		if s.Attempts() != 7 {
			t.Errorf("got %d attempts of another stream, want 1", s.Attempts()-6)
		}
	})
}

func TestBudget_isSharedByRetriersThroughThePointer(t *testing.T) {
	first := interceptor.New(interceptor.WithConfig(policy.Config{Table: retrytest.AtOnce(3), Budget: policy.BudgetConfig{Max: 4, Start: 4}}))
	second := interceptor.New(interceptor.WithTable(retrytest.AtOnce(3)), interceptor.WithBudget(first.Budget()))
	third := interceptor.New(interceptor.WithTable(retrytest.AtOnce(3)))
	calls := func(r *interceptor.Retrier) (n int) {
		_ = r.Do(t.Context(), "f", func(context.Context) error { n++; return grpctest.ErrOverloaded })
		return n
	}
	for i, got := range []int{calls(first), calls(second), calls(first), calls(third)} {
		if want := []int{4, 2, 1, 4}[i]; got != want {
			t.Errorf("call %d: got %d calls, want %d", i+1, got, want)
		}
	}
	retrytest.WantTokens(t, second.Budget(), 0)
	retrytest.WantTokens(t, third.Budget(), 97)
}

func TestBudget_ofDialOptionsIsOfTheConnectionsAlone(t *testing.T) {
	if a, b := interceptor.New().Budget(), interceptor.New().Budget(); a == nil || a == b {
		t.Errorf("two Retriers have the budgets %p and %p, want one each", a, b)
	}
}

func TestBudget_retriesAfterAHintAreFree(t *testing.T) {
	b := retrytest.Budget(t, 1, 0)
	s := failingServer(grpctest.RefusedByQuota(t))
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithBudget(b), interceptor.WithoutGate())...)
		for range 3 {
			got := grpctest.Took(func() { _, _ = grpctest.CallUnary(t.Context(), conn) })
			if got != 14*time.Second {
				t.Errorf("took %v, want two waits of 7s", got)
			}
		}
		retrytest.WantTokens(t, b, 1)
		if s.Attempts() != 9 {
			t.Errorf("got %d attempts, want 9", s.Attempts())
		}
	})
}

func TestBudget_retriesOfAQuotaWithoutHintAreNotFree(t *testing.T) {
	b := retrytest.Budget(t, 3, 0)
	s := failingServer(status.Error(grpccodes.ResourceExhausted, "Resource has been exhausted (e.g. check quota)."))
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		retrytest.WantTokens(t, b, 1)
	}, interceptor.WithBudget(b))
}

func TestBudget_withoutOneEveryCallRetries(t *testing.T) {
	r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithBudget(retrytest.Budget(t, 1, 0)), interceptor.WithoutBudget())
	if r.Budget() != nil {
		t.Error("there is a budget")
	}
	var n int
	for range 200 {
		_ = r.Do(t.Context(), "f", func(context.Context) error { n++; return grpctest.ErrOverloaded })
	}
	if n != 400 {
		t.Errorf("got %d calls, want 400", n)
	}
	again := interceptor.New(interceptor.WithoutBudget(), interceptor.WithBudget(retrytest.Budget(t, 7, 0)))
	retrytest.WantTokens(t, again.Budget(), 7) // the later option counts
}

func TestBudget_aCallThatIsNotRetriedPaysNothing(t *testing.T) {
	b := retrytest.Budget(t, 10, 0)
	s := failingServer(status.Error(grpccodes.InvalidArgument, "wrong"))
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		for range 5 {
			_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		}
		retrytest.WantTokens(t, b, 10)
	}, interceptor.WithBudget(b), interceptor.Repeatable())
}
