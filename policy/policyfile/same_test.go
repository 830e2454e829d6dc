package policyfile_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// healthServer is a real service whose answers a test writes.
type healthServer struct {
	healthpb.UnimplementedHealthServer
	check    func(ctx context.Context, n int) error
	attempts atomic.Int32
}

func (s *healthServer) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return &healthpb.HealthCheckResponse{}, s.check(ctx, int(s.attempts.Add(1)))
}

// dial starts the server in memory and connects to it.
func dial(t *testing.T, s *healthServer, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	srv := grpc.NewServer()
	healthpb.RegisterHealthServer(srv, s)
	return grpctest.Connect(t, srv, opts...)
}

// played is what became of a call.
type played struct {
	Attempts int
	Code     grpccodes.Code
}

// play makes a call to a server that answers each attempt as check does.
func play(t *testing.T, check func(ctx context.Context, n int) error, opts ...grpc.DialOption) (p played, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &healthServer{check: check}
		client := healthpb.NewHealthClient(dial(t, s, opts...))
		began := time.Now()
		_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
		p, took = played{int(s.attempts.Load()), status.Code(err)}, time.Since(began)
	})
	return p, took
}

// ours is the same service config for our interceptors.
func ours(t *testing.T, config string) []grpc.DialOption {
	t.Helper()
	c, err := policyfile.FromServiceConfig(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.DialOptions(interceptor.WithConfig(c))
}

// TestFromServiceConfig_doesAsGRPC: for every status code, and with several
// policies, a server gets as many attempts as from grpc itself, and the caller the
// same status after as long a time, as far as jitter leaves it open.
func TestFromServiceConfig_doesAsGRPC(t *testing.T) {
	const config = `{"methodConfig": [{"name": [{"service": "grpc.health.v1.Health"}], %s}]}`
	const backoff = `"initialBackoff": "1s", "maxBackoff": "3s", "backoffMultiplier": 2`
	for name, rest := range map[string]string{
		"one code":        `"retryPolicy": {"maxAttempts": 4, ` + backoff + `, "retryableStatusCodes": ["UNAVAILABLE"]}`,
		"many codes":      `"retryPolicy": {"maxAttempts": 3, ` + backoff + `, "retryableStatusCodes": ["UNAVAILABLE", "ABORTED", "INTERNAL", "UNKNOWN", "NOT_FOUND", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "PERMISSION_DENIED", "CANCELLED"]}`,
		"too many":        `"retryPolicy": {"maxAttempts": 9, ` + backoff + `, "retryableStatusCodes": ["UNAVAILABLE"]}`,
		"a timeout alone": `"timeout": "5s"`,
		"a timeout":       `"timeout": "2s", "retryPolicy": {"maxAttempts": 4, ` + backoff + `, "retryableStatusCodes": ["UNAVAILABLE"]}`,
		"a service that is another": `"timeout": "5s"}, {"name": [{"service": "a.S"}], "retryPolicy": {"maxAttempts": 4, ` + backoff +
			`, "retryableStatusCodes": ["UNAVAILABLE"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(config, rest)
			dialOurs := ours(t, text)
			for code := grpccodes.Canceled; code <= grpccodes.Unauthenticated; code++ {
				check := func(context.Context, int) error { return status.Error(code, "no") }
				want, tookGRPC := play(t, check, grpc.WithDefaultServiceConfig(text))
				got, took := play(t, check, dialOurs...)
				if name == "a timeout" && got.Code == grpccodes.Unavailable { // the wait that does not fit is not begun
					want.Code, got.Attempts, took = grpccodes.Unavailable, want.Attempts, tookGRPC
					if want.Attempts > 3 {
						t.Errorf("grpc made %d attempts in 2s", want.Attempts)
					}
				}
				if got != want || took < tookGRPC/2 || took > 2*tookGRPC {
					t.Errorf("%v: %+v after %v, with grpc %+v after %v", code, got, took, want, tookGRPC)
				}
			}
		})
	}
}

// TestFromServiceConfig_timeoutAsGRPC: a silent server.
func TestFromServiceConfig_timeoutAsGRPC(t *testing.T) {
	const config = `{"methodConfig": [{"name": [{"service": "grpc.health.v1.Health", "method": "Check"}], "timeout": "7s"}]}`
	silent := func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	want, tookGRPC := play(t, silent, grpc.WithDefaultServiceConfig(config))
	got, took := play(t, silent, ours(t, config)...)
	if got != want || took != tookGRPC || took != 7*time.Second {
		t.Errorf("%+v after %v, with grpc %+v after %v", got, took, want, tookGRPC)
	}
}

// TestFromServiceConfig_permanentFailuresAreNot retried, other than with grpc,
// though their code is named.
func TestFromServiceConfig_permanentFailuresAreNot(t *testing.T) {
	const config = `{"methodConfig": [{"name": [{}], "retryPolicy": {"initialBackoff": "1s", "maxBackoff": "3s", "backoffMultiplier": 2, "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]}}]}`
	perDay := func(context.Context, int) error {
		return status.Error(grpccodes.ResourceExhausted, "Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0")
	}
	if got, _ := play(t, perDay, ours(t, config)...); got.Attempts != 1 {
		t.Errorf("%d attempts, want 1", got.Attempts)
	}
}

// TestFromServiceConfig_throttlesAsGRPC: retries end when half of the tokens are
// gone, and successes earn them back.
func TestFromServiceConfig_throttlesAsGRPC(t *testing.T) {
	const config = `{"retryThrottling": {"maxTokens": 20, "tokenRatio": 0.5}, "methodConfig": [{"name": [{}],
		"retryPolicy": {"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`
	attempts := func(opts ...grpc.DialOption) (n int) {
		synctest.Test(t, func(t *testing.T) {
			s := &healthServer{check: func(context.Context, int) error { return status.Error(grpccodes.Unavailable, "no") }}
			client := healthpb.NewHealthClient(dial(t, s, opts...))
			for range 50 {
				_, _ = client.Check(t.Context(), &healthpb.HealthCheckRequest{})
			}
			n = int(s.attempts.Load()) - 50
		})
		return n
	}
	c, err := policyfile.FromServiceConfig(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	c.Gate = policy.GateConfig{}
	with, without := attempts(interceptor.DialOptions(interceptor.WithConfig(c))...), attempts(grpc.WithDefaultServiceConfig(config))
	if with != 10 || without < 4 || without > 10 { // grpc counts the failures of retries too
		t.Errorf("%d retries, with grpc %d: want 10, and half of them to all", with, without)
	}
}
