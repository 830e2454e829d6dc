package interceptor_test

import (
	"context"
	"fmt"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

func ExampleWithAttemptTimeout() {
	r := interceptor.New(interceptor.WithAttemptTimeout(2 * time.Second))
	tokens, earned := r.Budget().Held() // retries after a timeout have to be earned
	fmt.Println(tokens, earned)
	// Output: 2 0
}

func ExampleWithHedge() {
	_, client := connect(0, interceptor.DialOptions(
		interceptor.WithMethod("/grpc.testing.TestService/*", interceptor.WithHedge(200*time.Millisecond, 3), interceptor.Repeatable()),
	)...)
	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 1 <nil>
}

func ExampleWithRefresh() {
	token := "revoked"
	r := interceptor.New(interceptor.WithRefresh(func(context.Context) error {
		token = "fresh"
		return nil
	}))
	_, client := connect(0, r.DialOptions()...)
	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{}) // nothing was refused
	fmt.Println(token, err)
	// Output: revoked <nil>
}

func ExampleError_fallback() {
	r := interceptor.New(interceptor.WithTable(policy.Table{}), interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
		return nil, fmt.Errorf("nothing in the cache for %s", x.Method)
	}))
	err := r.Do(context.Background(), "work", func(context.Context) error {
		return status.Error(grpccodes.Unavailable, "The model is overloaded.")
	})
	fmt.Println(err)
	// Output:
	// work failed for good (never-retried) after 1 attempt [Unavailable overloaded]: interceptor.WithFallback: nothing in the cache for work: rpc error: code = Unavailable desc = The model is overloaded.
}
