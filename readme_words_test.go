package reinvoke_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/googleapis/gax-go/v2"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
)

// The libraries of the README's table that this module can run. The words on failsafe-go
// are from the library's source.
const byGRPC, byMiddleware, byGAX, byOurs = "grpc", "go-grpc-middleware", "gax", "Reinvoke"

// rivals returns dial options with at most four attempts of each library; gax is not a
// part of the connection.
func rivals() map[string][]grpc.DialOption {
	again := []retry.CallOption{retry.WithMax(4), retry.WithBackoff(retry.BackoffLinear(time.Second))}
	return map[string][]grpc.DialOption{
		byGRPC: {grpc.WithDefaultServiceConfig(`{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s",
			"maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]}`)},
		byMiddleware: {
			grpc.WithDisableRetry(), grpc.WithChainUnaryInterceptor(retry.UnaryClientInterceptor(again...)),
			grpc.WithChainStreamInterceptor(retry.StreamClientInterceptor(again...)),
		},
		byGAX:  {grpc.WithDisableRetry()},
		byOurs: ours(),
	}
}

// invoke calls f, through gax if the library is gax.
func invoke(ctx context.Context, library string, f func(context.Context) error) error {
	if library != byGAX {
		return f(ctx)
	}
	return gax.Invoke(ctx, func(ctx context.Context, _ gax.CallSettings) error { return f(ctx) }, gax.WithRetry(func() gax.Retryer {
		return gax.OnCodes([]grpccodes.Code{grpccodes.Unavailable, grpccodes.ResourceExhausted}, gax.Backoff{Initial: time.Second, Max: time.Second})
	}))
}

// TestReadme_words: RetryInfo and a call with an unknown outcome.
func TestReadme_words(t *testing.T) {
	hint, err := status.New(grpccodes.ResourceExhausted, "quota").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(20 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	lost := status.Error(grpccodes.Unavailable, "error reading from server: EOF") // said by a gateway of its backend
	for library, dial := range rivals() {
		t.Run(library, func(t *testing.T) {
			play := func(fault error, opts ...grpc.CallOption) (waits []time.Duration) {
				synctest.Test(t, func(t *testing.T) {
					server := failing(1, fault)
					conn := dialClaimed(t, server, dial...)
					_ = invoke(t.Context(), library, func(ctx context.Context) error { return check(ctx, conn, opts...) })
					waits = server.gaps()
				})
				return waits
			}
			if waits := play(hint.Err()); len(waits) != 1 || (waits[0] >= 20*time.Second) != (library == byOurs) {
				t.Errorf("waited %v after a hint of 20s", waits)
			}
			if retried := len(play(lost)) > 0; retried != (library != byOurs) {
				t.Errorf("an unknown outcome: retried %v", retried)
			}
			if library == byOurs && len(play(lost, interceptor.Repeatable())) == 0 {
				t.Error("an unknown outcome of a repeatable method: not retried")
			}
		})
	}
}
