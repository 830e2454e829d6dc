package interceptor_test

import (
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
)

// serverRetries returns the default Config with so many retries of Server.
func serverRetries(n int) policy.Config {
	c := policy.DefaultConfig()
	c.Table[codes.Server] = policy.Policy{Retries: n}
	return c
}

func TestWithLive_followsTheSwapForLaterCalls(t *testing.T) {
	live, err := policy.NewLive(serverRetries(1))
	if err != nil {
		t.Fatal(err)
	}
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		attempts := func(opts ...grpc.CallOption) int {
			before := s.Attempts()
			_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, opts...)
			return s.Attempts() - before
		}
		if got := attempts(); got != 2 {
			t.Errorf("at first: %d attempts, want 2", got)
		}
		if err := live.Store(serverRetries(3)); err != nil {
			t.Fatal(err)
		}
		if got := attempts(); got != 4 {
			t.Errorf("after the swap: %d attempts, want 4", got)
		}
		if got := attempts(interceptor.MaxRetries(2)); got != 3 {
			t.Errorf("with an option of the call: %d attempts, want 3", got)
		}
		bad := serverRetries(1)
		bad.Limits.MaxAttempts = -1
		if err := live.Store(bad); err == nil {
			t.Error("an invalid Config was taken")
		}
		if got := attempts(); got != 4 {
			t.Errorf("after an invalid swap: %d attempts, want 4", got)
		}
		withMethod := serverRetries(3)
		withMethod.Methods = []policy.Method{{Pattern: grpctest.UnaryMethod, Rows: map[codes.Class]policy.Policy{codes.Server: {Retries: 5}}}}
		if err := live.Store(withMethod); err != nil {
			t.Fatal(err)
		}
		if got := attempts(); got != 6 {
			t.Errorf("with a section for the method: %d attempts, want 6", got)
		}
	}, interceptor.WithLive(live))
}

func TestWithLive_aCallThatIsFailingKeepsWhatItBeganWith(t *testing.T) {
	before, after := serverRetries(0), serverRetries(0)
	before.Table[codes.Server] = policy.Policy{Retries: 2, Base: 10 * time.Second, Max: time.Minute, Multiplier: 1}
	live, err := policy.NewLive(before)
	if err != nil {
		t.Fatal(err)
	}
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		time.AfterFunc(time.Second, func() {
			if err := live.Store(after); err != nil {
				t.Error(err)
			}
		})
		got := grpctest.Took(func() { _, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}) })
		if s.Attempts() != 3 || got != 20*time.Second {
			t.Errorf("got %d attempts in %v, want 3 in 20s", s.Attempts(), got)
		}
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if s.Attempts() != 4 {
			t.Errorf("got %d attempts of the next call, want 1", s.Attempts()-3)
		}
	}, interceptor.WithLive(live))
}

func TestWithLive_theZeroValueNeverRetries(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if status.Code(err) != grpccodes.Unavailable || s.Attempts() != 1 {
			t.Errorf("got %v after %d attempts, want UNAVAILABLE after one", err, s.Attempts())
		}
	}, interceptor.WithLive(&policy.Live{}))
}

func TestWithLive_goesWithOptionsForMethodsAndForAllThatIsNotInIt(t *testing.T) {
	live, err := policy.NewLive(serverRetries(1))
	if err != nil {
		t.Fatal(err)
	}
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(status.Error(grpccodes.Internal, "An internal error has occurred."))}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if s.Attempts() != 5 {
			t.Errorf("got %d attempts, want 5", s.Attempts())
		}
	}, interceptor.WithLive(live), interceptor.Repeatable(),
		interceptor.WithMethod(grpctest.UnaryMethod, interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 4})))
}

func TestWithConfig_setsEverything(t *testing.T) {
	config := serverRetries(9)
	config.Limits = policy.Limits{MaxAttempts: 12, MaxServerDelay: time.Second}
	config.Budget = policy.BudgetConfig{Max: 5, Start: 4}
	config.Methods = []policy.Method{{Pattern: "/grpc.*", Rows: map[codes.Class]policy.Policy{codes.Server: {Retries: 7}}}}
	r := interceptor.New(interceptor.WithConfig(config))
	if got := r.Config(); got.Table != config.Table || got.Limits != config.Limits || len(got.Methods) != 1 {
		t.Errorf("got %+v, want %+v", got, config)
	}
	if tokens, earned := r.Budget().Held(); tokens != 4 || earned != 0 {
		t.Errorf("the budget holds %v and %v, want 4 and 0", tokens, earned)
	}
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	synctest.Test(t, func(t *testing.T) {
		_, _ = grpctest.CallUnary(t.Context(), grpctest.Serve(t, s, r.DialOptions()...))
		if s.Attempts() != 5 { // seven retries by the method's row, four by the budget
			t.Errorf("got %d attempts, want 5", s.Attempts())
		}
	})
	config.Methods[0].Rows[codes.Server] = policy.Policy{} // the caller's copy
	if got := r.Config().Methods[0].Rows[codes.Server].Retries; got != 7 {
		t.Errorf("the Config in force changed with the caller's: %d retries", got)
	}
}

func TestWithConfig_laterOptionsCount(t *testing.T) {
	first := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithConfig(serverRetries(2)))
	if got := first.Config().Table; got != serverRetries(2).Table {
		t.Errorf("WithConfig last: got\n%v", got)
	}
	second := interceptor.New(interceptor.WithConfig(serverRetries(2)), interceptor.WithTable(retrytest.AtOnce(1)))
	if got := second.Config().Table; got != retrytest.AtOnce(1) {
		t.Errorf("WithTable last: got\n%v", got)
	}
}

func TestNew_withoutOptionsHasTheDefaults(t *testing.T) {
	r := interceptor.New()
	if got := r.Config(); got.Table != policy.Default() || got.Limits != (policy.Limits{}) || got.Budget != policy.DefaultBudget() || len(got.Methods) != 0 {
		t.Errorf("got %+v, want the defaults", got)
	}
	if tokens, _ := r.Budget().Held(); tokens != 100 {
		t.Errorf("the budget holds %v, want 100", tokens)
	}
}

func TestInterceptors_workAlone(t *testing.T) {
	opts := []interceptor.Option{interceptor.WithTable(retrytest.AtOnce(2)), interceptor.Repeatable()}
	for name, dial := range map[string][]grpc.DialOption{
		"UnaryClientInterceptor":  {grpc.WithUnaryInterceptor(interceptor.UnaryClientInterceptor(opts...))},
		"StreamClientInterceptor": {grpc.WithStreamInterceptor(interceptor.StreamClientInterceptor(opts...))},
		"DialOptions":             interceptor.DialOptions(opts...),
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{
				Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded),
				Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
					return grpctest.ErrOverloaded
				},
			}
			synctest.Test(t, func(t *testing.T) {
				client := testpb.NewTestServiceClient(grpctest.Serve(t, s, dial...))
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				unary := s.Attempts()
				stream, streamErr := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
				if streamErr != nil {
					t.Fatal(streamErr)
				}
				_, streamErr = stream.Recv()
				if status.Code(err) != grpccodes.Unavailable || status.Code(streamErr) != grpccodes.Unavailable {
					t.Errorf("got %v and %v, want UNAVAILABLE twice", err, streamErr)
				}
				wantUnary, wantStream := 3, 3
				switch name {
				case "UnaryClientInterceptor":
					wantStream = 1
				case "StreamClientInterceptor":
					wantUnary = 1
				}
				if got := s.Attempts() - unary; unary != wantUnary || got != wantStream {
					t.Errorf("got %d attempts of the call and %d of the stream, want %d and %d", unary, got, wantUnary, wantStream)
				}
			})
		})
	}
}
