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
	"github.com/reinvoke/reinvoke/policy"
)

// newBudget returns a budget that holds so many tokens, and earns so much.
func newBudget(t *testing.T, tokens, earn float64) *policy.Budget {
	t.Helper()
	b, err := policy.NewBudget(policy.BudgetConfig{Max: tokens, Start: tokens, Earn: earn})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantTokens checks what a budget holds.
func wantTokens(t *testing.T, b *policy.Budget, want float64) {
	t.Helper()
	if got, _ := b.Held(); got != want {
		t.Errorf("the budget holds %v tokens, want %v", got, want)
	}
}

// failingServer fails every call and every stream with err.
func failingServer(err error) *server {
	return &server{
		unary: refuseAlways(err),
		stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
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
	b := newBudget(t, 5, 0)
	var w watcher
	s := failingServer(overloaded())
	bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		for _, attempts := range []int{4, 7, 8} { // three retries, two, none
			_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
			if status.Code(err) != grpccodes.Unavailable || s.attempts() != attempts {
				t.Errorf("got %v after %d attempts in all, want UNAVAILABLE after %d", err, s.attempts(), attempts)
			}
		}
		want := []policy.Why{
			policy.Backoff, policy.Backoff, policy.Backoff, policy.ClassExhausted,
			policy.Backoff, policy.Backoff, policy.BudgetExhausted, policy.BudgetExhausted,
		}
		if diff := cmp.Diff(want, w.whys()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if e, ok := errors.AsType[*interceptor.Error](err); !ok || len(e.Attempts) != 1 || !strings.Contains(e.Error(), "interceptor.WithBudget") {
			t.Errorf("got %v, want an *Error of one attempt that names the option", err)
		}
		wantTokens(t, b, 0)
	}, interceptor.WithBudget(b), interceptor.WithObserver(w.observe))
}

func TestBudget_successesEarn(t *testing.T) {
	for name, opt := range map[string]interceptor.Option{
		"with evidence":    nil,
		"without evidence": interceptor.WithoutEvidence(),
		"with an observer": interceptor.WithObserver(func(context.Context, interceptor.Event) {}),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBudget(t, 2, 0.5)
			s := &server{unary: func(_ context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if in.GetFillUsername() {
					return &testpb.SimpleResponse{}, nil
				}
				return nil, overloaded()
			}}
			bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				fail := func() { _, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}) }
				succeed := func() { _, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{FillUsername: true}) }
				fail()
				wantTokens(t, b, 0)
				succeed()
				wantTokens(t, b, 0.5)
				before := s.attempts()
				fail() // half a token pays for nothing
				if got := s.attempts() - before; got != 1 {
					t.Errorf("got %d attempts, want 1", got)
				}
				for range 10 {
					succeed()
				}
				wantTokens(t, b, 2) // no more than it can hold
			}, opt, interceptor.WithBudget(b), interceptor.Repeatable())
		})
	}
}

func TestBudget_aRecoveredCallEarnsToo(t *testing.T) {
	b := newBudget(t, 10, 1)
	s := &server{unary: refuseFirst(3, overloaded())}
	bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		wantTokens(t, b, 8) // three paid, one earned
	}, interceptor.WithBudget(b))
}

func TestBudget_isSharedByUnaryCallsAndStreams(t *testing.T) {
	b := newBudget(t, 4, 0)
	s := failingServer(overloaded())
	synctest.Test(t, func(t *testing.T) {
		conn := serve(t, s, retrying(interceptor.WithBudget(b))...)
		if err := streamOnce(t.Context(), conn); status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v, want UNAVAILABLE", err)
		}
		wantTokens(t, b, 1)
		_, _ = callUnary(t.Context(), conn)
		wantTokens(t, b, 0)
		if s.attempts() != 6 {
			t.Errorf("got %d attempts, want 4 of the stream and 2 of the call", s.attempts())
		}
		_ = streamOnce(t.Context(), conn)
		if s.attempts() != 7 {
			t.Errorf("got %d attempts of another stream, want 1", s.attempts()-6)
		}
	})
}

func TestBudget_isSharedByRetriersThroughThePointer(t *testing.T) {
	first := interceptor.New(interceptor.WithConfig(policy.Config{Table: atOnce(3), Budget: policy.BudgetConfig{Max: 4, Start: 4}}))
	second := interceptor.New(interceptor.WithTable(atOnce(3)), interceptor.WithBudget(first.Budget()))
	third := interceptor.New(interceptor.WithTable(atOnce(3)))
	calls := func(r *interceptor.Retrier) (n int) {
		_ = r.Do(t.Context(), "f", func(context.Context) error { n++; return overloaded() })
		return n
	}
	for i, got := range []int{calls(first), calls(second), calls(first), calls(third)} {
		if want := []int{4, 2, 1, 4}[i]; got != want {
			t.Errorf("call %d: got %d calls, want %d", i+1, got, want)
		}
	}
	wantTokens(t, second.Budget(), 0)
	wantTokens(t, third.Budget(), 97)
}

func TestBudget_ofDialOptionsIsOfTheConnectionsAlone(t *testing.T) {
	if a, b := interceptor.New().Budget(), interceptor.New().Budget(); a == nil || a == b {
		t.Errorf("two Retriers have the budgets %p and %p, want one each", a, b)
	}
}

func TestBudget_retriesAfterAHintAreFree(t *testing.T) {
	b := newBudget(t, 1, 0)
	s := failingServer(refusedByQuota(t))
	synctest.Test(t, func(t *testing.T) {
		conn := serve(t, s, retrying(interceptor.WithBudget(b), interceptor.WithoutGate())...)
		for range 3 {
			got := took(func() { _, _ = callUnary(t.Context(), conn) })
			if got != 14*time.Second {
				t.Errorf("took %v, want two waits of 7s", got)
			}
		}
		wantTokens(t, b, 1)
		if s.attempts() != 9 {
			t.Errorf("got %d attempts, want 9", s.attempts())
		}
	})
}

func TestBudget_retriesOfAQuotaWithoutHintAreNotFree(t *testing.T) {
	b := newBudget(t, 3, 0)
	s := failingServer(status.Error(grpccodes.ResourceExhausted, "Resource has been exhausted (e.g. check quota)."))
	bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		wantTokens(t, b, 1)
	}, interceptor.WithBudget(b))
}

func TestBudget_withoutOneEveryCallRetries(t *testing.T) {
	r := interceptor.New(interceptor.WithTable(atOnce(1)), interceptor.WithBudget(newBudget(t, 1, 0)), interceptor.WithoutBudget())
	if r.Budget() != nil {
		t.Error("there is a budget")
	}
	var n int
	for range 200 {
		_ = r.Do(t.Context(), "f", func(context.Context) error { n++; return overloaded() })
	}
	if n != 400 {
		t.Errorf("got %d calls, want 400", n)
	}
	again := interceptor.New(interceptor.WithoutBudget(), interceptor.WithBudget(newBudget(t, 7, 0)))
	wantTokens(t, again.Budget(), 7) // the later option counts
}

func TestBudget_aCallThatIsNotRetriedPaysNothing(t *testing.T) {
	b := newBudget(t, 10, 0)
	s := failingServer(status.Error(grpccodes.InvalidArgument, "wrong"))
	bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		for range 5 {
			_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		}
		wantTokens(t, b, 10)
	}, interceptor.WithBudget(b), interceptor.Repeatable())
}
