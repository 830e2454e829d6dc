package interceptor_test

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
	s := &server{unary: refuseAlways(overloaded())}
	synctest.Test(t, func(t *testing.T) {
		var outer, inner watcher
		conn := serve(t, s, append(
			retrying(interceptor.Repeatable(), interceptor.WithObserver(outer.observe)),
			retrying(interceptor.Repeatable(), interceptor.WithObserver(inner.observe))...)...)
		_, err := callUnary(t.Context(), conn)
		if s.attempts() != 4 {
			t.Errorf("the server has seen %d attempts, want 4", s.attempts())
		}
		if diff := cmp.Diff([]policy.Why{policy.RetriedBelow}, outer.whys()); diff != "" {
			t.Errorf("decisions of the outer one (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]policy.Why{policy.Backoff, policy.Backoff, policy.Backoff, policy.ClassExhausted}, inner.whys()); diff != "" {
			t.Errorf("decisions of the inner one (-want +got):\n%s", diff)
		}
		if e, ok := err.(*interceptor.Error); !ok || e.Why != policy.ClassExhausted || len(e.Attempts) != 4 { //nolint:errorlint // the very error of the inner one
			t.Errorf("got %v, want the error of the inner one", err)
		}
	})
}

func TestLayers_anOuterRetrierLeavesARecoveryAlone(t *testing.T) {
	s := &server{unary: refuseFirst(3, overloaded())}
	synctest.Test(t, func(t *testing.T) {
		var outer watcher
		conn := serve(t, s, append(
			retrying(interceptor.Repeatable(), interceptor.WithObserver(outer.observe)),
			retrying(interceptor.Repeatable())...)...)
		if _, err := callUnary(t.Context(), conn); err != nil || s.attempts() != 4 {
			t.Errorf("got %v after %d attempts, want success after 4", err, s.attempts())
		}
		if got := outer.last(); got.Outcome != interceptor.FirstTry {
			t.Errorf("the outer one saw %v, want first-try", got.Outcome)
		}
	})
}

func TestLayers_dialOptionsSwitchOffTheRetriesOfTheServiceConfig(t *testing.T) {
	opts := []interceptor.Option{interceptor.Repeatable(), interceptor.WithTable(atOnce(1))}
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
			s := &server{unary: refuseAlways(overloaded())}
			synctest.Test(t, func(t *testing.T) {
				conn := serve(t, s, append(tt.dial, grpc.WithDefaultServiceConfig(retryingConfig))...)
				if _, err := callUnary(t.Context(), conn); status.Code(err) != grpccodes.Unavailable {
					t.Errorf("got %v, want UNAVAILABLE", err)
				}
				if s.attempts() != tt.attempts {
					t.Errorf("the server has seen %d attempts, want %d", s.attempts(), tt.attempts)
				}
			})
		})
	}
}

func TestLayers_aServiceConfigThatRetriesIsWarnedOfOnce(t *testing.T) {
	const warning = "[RETRY] the service config of this connection retries /grpc.testing.TestService/UnaryCall too, and the attempts of two layers " +
		"multiply: add grpc.WithDisableRetry(), or use interceptor.DialOptions"
	unavailable, invalid := overloaded(), status.Error(grpccodes.InvalidArgument, "wrong")
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
			s := &server{unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return nil, tt.fails[n]
			}}
			synctest.Test(t, func(t *testing.T) {
				var warnings int
				logger := logging.LoggerFunc(func(_ context.Context, level logging.Level, msg string, _ ...any) {
					if msg == warning && level == logging.LevelWarn {
						warnings++
					}
				})
				r := interceptor.New(interceptor.WithTable(atOnce(1)), interceptor.WithLogger(logger))
				dial := []grpc.DialOption{grpc.WithChainUnaryInterceptor(r.Unary())}
				if tt.disabled {
					dial = append(dial, grpc.WithDisableRetry())
				}
				if tt.dialOptions {
					dial = r.DialOptions()
				}
				conn := serve(t, s, append(dial, grpc.WithDefaultServiceConfig(tt.config))...)
				for n = range tt.fails {
					if _, err := callUnary(t.Context(), conn); err == nil {
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
	s := &server{unary: refuseAlways(overloaded())}
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		r := interceptor.New(interceptor.WithTable(atOnce(0)), interceptor.WithObserver(w.observe))
		conn := serve(t, s, grpc.WithChainUnaryInterceptor(r.Unary()), grpc.WithDefaultServiceConfig(retryingConfig))
		_, err := callUnary(t.Context(), conn)
		if got := w.last().Failure; got.Rule != "overloaded" {
			t.Errorf("got rule %q for %v, want overloaded", got.Rule, err)
		}
	})
}

func TestLayers_leftRunsOncePerCallAndRightOncePerAttempt(t *testing.T) {
	s := &server{unary: refuseFirst(2, overloaded())}
	synctest.Test(t, func(t *testing.T) {
		counts := map[string]int{}
		counter := func(name string) grpc.DialOption {
			return grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				counts[name]++
				return invoker(metadata.AppendToOutgoingContext(ctx, name, strconv.Itoa(counts[name])), method, req, reply, cc, opts...)
			})
		}
		dial := append([]grpc.DialOption{counter("left")}, retrying(interceptor.Repeatable())...)
		conn := serve(t, s, append(dial, counter("right"))...)
		if _, err := callUnary(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"left": 1, "right": 3}, counts); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		for n, md := range s.md {
			if diff := cmp.Diff([]string{"1", strconv.Itoa(n + 1)}, append(md.Get("left"), md.Get("right")...)); diff != "" {
				t.Errorf("attempt %d was sent (-want +got):\n%s", n+1, diff)
			}
		}
	})
}
