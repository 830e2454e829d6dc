package connections_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
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

// retryingConfig is a service config by which grpc-go itself makes four
// attempts of a call that is UNAVAILABLE.
const retryingConfig = `{"methodConfig": [{
	"name": [{"service": "grpc.testing.TestService"}],
	"retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

func TestLayers_twoRetriersOnOneConnectionDoNotMultiply(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	synctest.Test(t, func(t *testing.T) {
		var outer, inner retrytest.Watcher
		conn := grpctest.Serve(t, s, append(
			retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithObserver(outer.Observe)),
			retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithObserver(inner.Observe))...)...)
		_, err := grpctest.CallUnary(t.Context(), conn)
		if s.Attempts() != 4 {
			t.Errorf("the server has seen %d attempts, want 4", s.Attempts())
		}
		if diff := cmp.Diff([]policy.Why{policy.RetriedBelow}, outer.Whys()); diff != "" {
			t.Errorf("decisions of the outer one (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]policy.Why{policy.Backoff, policy.Backoff, policy.Backoff, policy.ClassExhausted}, inner.Whys()); diff != "" {
			t.Errorf("decisions of the inner one (-want +got):\n%s", diff)
		}
		if e, ok := err.(*interceptor.Error); !ok || e.Why != policy.ClassExhausted || len(e.Attempts) != 4 { //nolint:errorlint // the very error of the inner one
			t.Errorf("got %v, want the error of the inner one", err)
		}
	})
}

func TestLayers_anOuterRetrierLeavesARecoveryAlone(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(3, grpctest.ErrOverloaded)}
	synctest.Test(t, func(t *testing.T) {
		var outer retrytest.Watcher
		conn := grpctest.Serve(t, s, append(
			retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithObserver(outer.Observe)),
			retrytest.DialOptions(interceptor.Repeatable())...)...)
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil || s.Attempts() != 4 {
			t.Errorf("got %v after %d attempts, want success after 4", err, s.Attempts())
		}
		if got := outer.Last(); got.Outcome != interceptor.FirstTry {
			t.Errorf("the outer one saw %v, want first-try", got.Outcome)
		}
	})
}

func TestLayers_dialOptionsSwitchOffTheRetriesOfTheServiceConfig(t *testing.T) {
	opts := []interceptor.Option{interceptor.Repeatable(), interceptor.WithTable(retrytest.AtOnce(1))}
	r := interceptor.New(opts...)
	for name, tt := range map[string]struct {
		dial     []grpc.DialOption
		attempts int
	}{
		"with DialOptions":                {interceptor.DialOptions(opts...), 2},
		"with the interceptor alone":      {[]grpc.DialOption{grpc.WithChainUnaryInterceptor(r.Unary())}, 8},
		"with WithDisableRetry beside it": {[]grpc.DialOption{grpc.WithChainUnaryInterceptor(r.Unary()), grpc.WithDisableRetry()}, 2},
		"with nothing of ours":            {nil, 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			synctest.Test(t, func(t *testing.T) {
				conn := grpctest.Serve(t, s, append(tt.dial, grpc.WithDefaultServiceConfig(retryingConfig))...)
				if _, err := grpctest.CallUnary(t.Context(), conn); status.Code(err) != grpccodes.Unavailable {
					t.Errorf("got %v, want UNAVAILABLE", err)
				}
				if s.Attempts() != tt.attempts {
					t.Errorf("the server has seen %d attempts, want %d", s.Attempts(), tt.attempts)
				}
			})
		})
	}
}

func TestLayers_aServiceConfigThatRetriesIsWarnedOfOnce(t *testing.T) {
	const warning = "[RETRY] the service config of this connection retries /grpc.testing.TestService/UnaryCall too, and the attempts of two layers " +
		"multiply: add grpc.WithDisableRetry(), or use interceptor.DialOptions"
	unavailable, invalid := grpctest.ErrOverloaded, status.Error(grpccodes.InvalidArgument, "wrong")
	tests := map[string]struct {
		dialOptions bool
		disabled    bool
		config      string
		fails       []error // one for each call
		warnings    int
	}{
		"when the first call fails":                          {config: retryingConfig, fails: []error{unavailable}, warnings: 1},
		"however many calls fail":                            {config: retryingConfig, fails: []error{unavailable, unavailable, unavailable}, warnings: 1},
		"also after a failure that the config has no eye on": {config: retryingConfig, fails: []error{invalid, unavailable}, warnings: 1},
		"but not with WithDisableRetry":                      {disabled: true, config: retryingConfig, fails: []error{unavailable, unavailable}},
		"nor then, whatever fails first":                     {disabled: true, config: retryingConfig, fails: []error{invalid, unavailable}},
		"nor with DialOptions":                               {dialOptions: true, config: retryingConfig, fails: []error{unavailable, invalid}},
		"nor without a retry policy":                         {config: `{}`, fails: []error{unavailable, invalid}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var n int
			s := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return nil, tt.fails[n]
			}}
			synctest.Test(t, func(t *testing.T) {
				var warnings int
				logger := logging.LoggerFunc(func(_ context.Context, level logging.Level, msg string, _ ...any) {
					if msg == warning && level == logging.LevelWarn {
						warnings++
					}
				})
				r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithLogger(logger))
				dial := []grpc.DialOption{grpc.WithChainUnaryInterceptor(r.Unary())}
				if tt.disabled {
					dial = append(dial, grpc.WithDisableRetry())
				}
				if tt.dialOptions {
					dial = r.DialOptions()
				}
				conn := grpctest.Serve(t, s, append(dial, grpc.WithDefaultServiceConfig(tt.config))...)
				for n = range tt.fails {
					if _, err := grpctest.CallUnary(t.Context(), conn); err == nil {
						t.Fatal("got no error")
					}
				}
				if warnings != tt.warnings {
					t.Errorf("got %d warnings, want %d", warnings, tt.warnings)
				}
			})
		})
	}
}

func TestLayers_theWordsOfGrpcsOwnRetriesDoNotHideTheFailure(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	synctest.Test(t, func(t *testing.T) {
		var w retrytest.Watcher
		r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(0)), interceptor.WithObserver(w.Observe))
		conn := grpctest.Serve(t, s, grpc.WithChainUnaryInterceptor(r.Unary()), grpc.WithDefaultServiceConfig(retryingConfig))
		_, err := grpctest.CallUnary(t.Context(), conn)
		if got := w.Last().Failure; got.Rule != "overloaded" {
			t.Errorf("got rule %q for %v, want overloaded", got.Rule, err)
		}
	})
}

func TestLayers_leftRunsOncePerCallAndRightOncePerAttempt(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(2, grpctest.ErrOverloaded)}
	synctest.Test(t, func(t *testing.T) {
		counts := map[string]int{}
		counter := func(name string) grpc.DialOption {
			return grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				counts[name]++
				return invoker(metadata.AppendToOutgoingContext(ctx, name, strconv.Itoa(counts[name])), method, req, reply, cc, opts...)
			})
		}
		dial := append([]grpc.DialOption{counter("left")}, retrytest.DialOptions(interceptor.Repeatable())...)
		conn := grpctest.Serve(t, s, append(dial, counter("right"))...)
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"left": 1, "right": 3}, counts); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		for n, md := range s.Metadata() {
			if diff := cmp.Diff([]string{"1", strconv.Itoa(n + 1)}, append(md.Get("left"), md.Get("right")...)); diff != "" {
				t.Errorf("attempt %d was sent (-want +got):\n%s", n+1, diff)
			}
		}
	})
}
