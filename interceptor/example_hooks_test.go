package interceptor_test

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
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
	// Output: 1 0
}

func ExampleWithHedge() {
	_, client := connect(0, interceptor.DialOptions(
		interceptor.WithMethod("/grpc.testing.TestService/*", interceptor.WithHedge(200*time.Millisecond, 3), interceptor.Repeatable()),
	)...)
	reply, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(reply.GetUsername(), err)
	// Output: answer of attempt 1 <nil>
}

// A thousand calls that are refused with the same token fetch one new token.
func ExampleWithRefresh() {
	token := "revoked"
	r := interceptor.New(interceptor.WithRefresh(func(context.Context) error {
		token = "fresh"
		return nil
	}))
	err := r.Do(context.Background(), "work", func(context.Context) error {
		fmt.Println("with a token that is", token)
		if token != "fresh" {
			return tokenExpired()
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// with a token that is revoked
	// with a token that is fresh
	// <nil>
}

// tokenExpired is how Google's servers refuse an access token past its time.
func tokenExpired() error {
	st, err := status.New(grpccodes.Unauthenticated, "Request had invalid authentication credentials.").WithDetails(
		&errdetails.ErrorInfo{Reason: "ACCESS_TOKEN_EXPIRED", Domain: "googleapis.com"})
	if err != nil {
		return err
	}
	return st.Err()
}

// What a fallback is told of its call.
func ExampleFailedCall() {
	r := interceptor.New(interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
		fmt.Println(x.Method, x.Request, interceptor.FailureOf(x.Err).Class)
		return nil, nil // the work is done in another way
	}))
	fmt.Println(r.Do(context.Background(), "work", func(context.Context) error { return errDaily() }))
	// Output:
	// work <nil> Spent
	// <nil>
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
