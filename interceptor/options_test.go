package interceptor_test

import (
	"context"
	"slices"
	"strings"
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

// The places where a setting can be made, from the weakest to the strongest.
const (
	atConnection = iota
	inConfigMethods
	atMethod
	inContext
	atCall
	places
)

// placed makes a call with options at all of the places; nil is none.
type placed [places]interceptor.CallOption

// make makes the call and returns its error. methods are the sections of the
// Config, which have no CallOptions.
func (p placed) make(t *testing.T, s *grpctest.Server, methods ...policy.Method) error {
	t.Helper()
	config := policy.DefaultConfig()
	config.Methods = methods
	opts := []interceptor.Option{interceptor.WithRand(retrytest.NoSpread), interceptor.WithConfig(config), p[atConnection]}
	if p[atMethod] != (interceptor.CallOption{}) {
		opts = append(opts, interceptor.WithMethod(grpctest.UnaryMethod, p[atMethod]))
	}
	conn := grpctest.Serve(t, s, interceptor.DialOptions(opts...)...)
	_, err := grpctest.CallUnary(interceptor.NewContext(t.Context(), p[inContext]), conn, p[atCall])
	return err
}

func TestOptions_precedenceIsCallContextMethodConnectionDefault(t *testing.T) {
	yes, no := true, false
	row := func(retries int) interceptor.CallOption {
		return interceptor.WithPolicy(codes.Server, policy.Policy{Retries: retries})
	}
	elapsed := func(d time.Duration) interceptor.CallOption {
		return interceptor.WithLimits(policy.Limits{MaxElapsed: d})
	}
	// The server answers INTERNAL, which only repeatable methods repeat: by the
	// default table 3 retries after 2 s, 4 s and 8 s.
	repeatable := policy.Method{Pattern: grpctest.UnaryMethod, Repeatable: &yes}
	withRow := policy.Method{Pattern: grpctest.UnaryMethod, Repeatable: &yes, Rows: map[codes.Class]policy.Policy{codes.Server: {Retries: 7}}}
	withLimit := policy.Method{Pattern: grpctest.UnaryMethod, Repeatable: &yes, Limits: policy.Limits{MaxElapsed: 2 * time.Second}}
	fixed := policy.Method{Pattern: grpctest.UnaryMethod, Repeatable: &no}
	tests := []struct {
		name     string
		opts     placed
		methods  []policy.Method
		attempts int
	}{
		{"table rows: the default", placed{}, []policy.Method{repeatable}, 4},
		{"table rows: the connection over the default", placed{atConnection: row(1)}, []policy.Method{repeatable}, 2},
		{"table rows: the Config's method over the connection", placed{atConnection: row(1)}, []policy.Method{withRow}, 8},
		{"table rows: the method over the connection", placed{atConnection: row(1), atMethod: row(2), inContext: interceptor.Repeatable()}, nil, 3},
		{"table rows: the context over the method", placed{atConnection: row(1), atMethod: row(2), inContext: row(5), atCall: interceptor.Repeatable()}, nil, 6},
		{"table rows: the call over the context", placed{atConnection: row(1), atMethod: row(2), inContext: row(5), atCall: row(6)}, []policy.Method{repeatable}, 1},
		{"limits: the connection over the default", placed{atConnection: elapsed(5 * time.Second)}, []policy.Method{repeatable}, 2},
		{"limits: the Config's method over the connection", placed{atConnection: elapsed(7 * time.Second)}, []policy.Method{withLimit}, 2},
		{"limits: the method over the connection", placed{atConnection: elapsed(time.Second), atMethod: elapsed(2 * time.Second), inContext: interceptor.Repeatable()}, nil, 2},
		{"limits: the context over the method", placed{atMethod: elapsed(2 * time.Second), inContext: elapsed(6 * time.Second), atCall: interceptor.Repeatable()}, nil, 3},
		{"limits: the call over the context", placed{atConnection: interceptor.Repeatable(), inContext: elapsed(2 * time.Second), atCall: elapsed(14 * time.Second)}, nil, 4},
		{"repeatable: unknown is no", placed{}, nil, 1},
		{"repeatable: the connection over the default", placed{atConnection: interceptor.Repeatable()}, nil, 4},
		{"repeatable: the Config's method over the connection", placed{atConnection: interceptor.Repeatable()}, []policy.Method{fixed}, 1},
		{"repeatable: the method over the connection", placed{atConnection: interceptor.NotRepeatable(), atMethod: interceptor.Repeatable()}, nil, 4},
		{"repeatable: the context over the method", placed{atMethod: interceptor.Repeatable(), inContext: interceptor.NotRepeatable()}, nil, 1},
		{"repeatable: the call over the context", placed{inContext: interceptor.NotRepeatable(), atCall: interceptor.Repeatable()}, nil, 4},
		{"disable: the connection over the default", placed{atConnection: interceptor.Disable()}, []policy.Method{repeatable}, 1},
		{"disable: the method over the connection", placed{atConnection: interceptor.Disable(), atMethod: interceptor.Enable(), atCall: interceptor.Repeatable()}, nil, 4},
		{"disable: the context over the method", placed{atConnection: interceptor.Repeatable(), atMethod: interceptor.Enable(), inContext: interceptor.Disable()}, nil, 1},
		{"disable: the call over the context", placed{atConnection: interceptor.Repeatable(), inContext: interceptor.Disable(), atCall: interceptor.Enable()}, nil, 4},
		{"several: what one place leaves open another one fills", placed{
			atConnection: interceptor.Repeatable(), atMethod: elapsed(6 * time.Second), inContext: interceptor.Enable(),
		}, nil, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(status.Error(grpccodes.Internal, "An internal error has occurred."))}
			synctest.Test(t, func(t *testing.T) {
				if err := tt.opts.make(t, s, tt.methods...); status.Code(err) != grpccodes.Internal {
					t.Fatalf("got %v, want INTERNAL", err)
				}
				if s.Attempts() != tt.attempts {
					t.Errorf("got %d attempts, want %d", s.Attempts(), tt.attempts)
				}
			})
		})
	}
}

func TestOptions_theLongestPatternOfAMethodAloneCounts(t *testing.T) {
	row := func(retries int) policy.Policy { return policy.Policy{Retries: retries} }
	section := func(pattern string, retries int) policy.Method {
		return policy.Method{Pattern: pattern, Rows: map[codes.Class]policy.Policy{codes.Server: row(retries)}}
	}
	option := func(pattern string, retries int) interceptor.Option {
		return interceptor.WithMethod(pattern, interceptor.WithPolicy(codes.Server, row(retries)))
	}
	const service, all, another = "/grpc.testing.TestService/*", "/grpc.*", "/grpc.testing.TestService/Unary"
	tests := []struct {
		name     string
		sections []policy.Method
		options  []interceptor.Option
		attempts int
	}{
		{"none matches", []policy.Method{section("/other.*", 5)}, []interceptor.Option{option("/other.Service/*", 6), option(another, 7)}, 4},
		{"the longer of two options", nil, []interceptor.Option{option(all, 5), option(service, 6)}, 7},
		{"the longer of two options in the other order", nil, []interceptor.Option{option(service, 6), option(all, 5)}, 7},
		{"a full name over a star", nil, []interceptor.Option{option(grpctest.UnaryMethod, 1), option(service, 6)}, 2},
		{"the longer of two sections", []policy.Method{section(all, 5), section(service, 6)}, nil, 7},
		{"a section over a shorter option", []policy.Method{section(service, 5)}, []interceptor.Option{option(all, 6)}, 6},
		{"an option over a shorter section", []policy.Method{section(all, 5)}, []interceptor.Option{option(service, 6)}, 7},
		{"an option over a section of the same pattern", []policy.Method{section(service, 5)}, []interceptor.Option{option(service, 6)}, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			config := policy.DefaultConfig()
			config.Methods = tt.sections
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				if s.Attempts() != tt.attempts {
					t.Errorf("got %d attempts, want %d", s.Attempts(), tt.attempts)
				}
			}, append(tt.options, interceptor.WithConfig(config))...)
		})
	}
}

func TestNewContext_addsToWhatIsThere(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(status.Error(grpccodes.Internal, "An internal error has occurred."))}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		attempts := func(ctx context.Context) int {
			before := s.Attempts()
			_, _ = client.UnaryCall(ctx, &testpb.SimpleRequest{})
			return s.Attempts() - before
		}
		outer := interceptor.NewContext(t.Context(), interceptor.Repeatable())
		first := interceptor.NewContext(outer, interceptor.MaxRetries(2))
		second := interceptor.NewContext(outer, interceptor.MaxRetries(1))
		third := interceptor.NewContext(first, interceptor.Disable())
		for name, got := range map[string][2]int{
			"the context without options":     {attempts(t.Context()), 1},
			"the outer context":               {attempts(outer), 4},
			"a context made of it":            {attempts(first), 3},
			"another context made of it":      {attempts(second), 2},
			"one made of the first":           {attempts(third), 1},
			"the first, after all the others": {attempts(first), 3},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: got %d attempts, want %d", name, got[0], got[1])
			}
		}
	})
}

func TestOptions_maxRetriesCountsRetriesAndNeverAddsAny(t *testing.T) {
	for _, tt := range []struct {
		name       string
		connection []interceptor.Option
		call       []grpc.CallOption
		attempts   int
	}{
		{"none", []interceptor.Option{interceptor.MaxRetries(0)}, nil, 1},
		{"one", []interceptor.Option{interceptor.MaxRetries(1)}, nil, 2},
		{"as many as there are", []interceptor.Option{interceptor.MaxRetries(3)}, nil, 4},
		{"more than there are", []interceptor.Option{interceptor.MaxRetries(50)}, nil, 4},
		{"as many as there can be", []interceptor.Option{interceptor.MaxRetries(1<<63 - 1)}, nil, 4},
		{"more than the connection's", []interceptor.Option{interceptor.MaxRetries(1)}, []grpc.CallOption{interceptor.MaxRetries(3)}, 4},
		{"fewer than the connection's", []interceptor.Option{interceptor.MaxRetries(2)}, []grpc.CallOption{interceptor.MaxRetries(1)}, 2},
		{"a table with few retries", []interceptor.Option{interceptor.WithTable(retrytest.AtOnce(1)), interceptor.MaxRetries(5)}, nil, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, tt.call...)
				if status.Code(err) != grpccodes.Unavailable || s.Attempts() != tt.attempts {
					t.Errorf("got %v after %d attempts, want UNAVAILABLE after %d", err, s.Attempts(), tt.attempts)
				}
			}, tt.connection...)
		})
	}
	t.Run("it counts the retries of all classes together", func(t *testing.T) {
		fails := []error{grpctest.ErrOverloaded, status.Error(grpccodes.Unknown, "?"), grpctest.ErrOverloaded, status.Error(grpccodes.Unknown, "?")}
		s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return nil, fails[(n-1)%len(fails)]
		}}
		retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
			_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.MaxRetries(2))
			if s.Attempts() != 3 {
				t.Errorf("got %v after %d attempts, want 3", err, s.Attempts())
			}
		}, interceptor.Repeatable())
	})
}

func TestOptions_areHarmlessWithoutTheInterceptor(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, grpc.WithDisableRetry())
		var header grpc.CallOption = interceptor.CallOption{}
		for _, o := range slices.Concat([]grpc.CallOption{header}, everyCallOption()) {
			before := s.Attempts()
			ctx := interceptor.NewContext(t.Context(), interceptor.MaxRetries(2))
			if _, err := grpctest.CallUnary(ctx, conn, o); status.Code(err) != grpccodes.Unavailable || strings.Contains(err.Error(), "interceptor") {
				t.Errorf("%T: got %v, want the server's error", o, err)
			}
			if got := s.Attempts() - before; got != 1 {
				t.Errorf("got %d attempts, want 1", got)
			}
		}
	})
}

// everyCallOption returns each CallOption once, invalid ones included.
func everyCallOption() []grpc.CallOption {
	return []grpc.CallOption{
		interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithTable(policy.Table{codes.Quota: {Retries: -1}}),
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1}), interceptor.WithLimits(policy.Limits{MaxAttempts: 9}),
		interceptor.MaxRetries(1), interceptor.MaxRetries(-1), interceptor.Disable(), interceptor.Enable(),
		interceptor.Repeatable(), interceptor.NotRepeatable(), interceptor.WithReplayBuffer(1), interceptor.WithReplayBuffer(-1),
	}
}
