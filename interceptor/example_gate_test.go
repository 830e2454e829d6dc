package interceptor_test

import (
	"context"
	"fmt"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// refusedForASecond refuses until a second has passed.
func refusedForASecond() func(context.Context) error {
	begin := time.Now()
	return func(context.Context) error {
		if left := time.Second - time.Since(begin); left > 0 {
			return grpctest.Hinted(left)
		}
		return nil
	}
}

// A fleet of services that run for long: calls wait for the server, bounded by
// their deadlines, and together.
func ExampleWithConfig_fleet() {
	r := interceptor.New(interceptor.WithConfig(policy.FleetConfig()))
	fmt.Println(r.Config().Gate.Probes)
	// Output:
	// true
}

// The default table, with both halves of the gate.
func ExampleWithGate() {
	events := make(chan interceptor.GateEvent, 2)
	r := interceptor.New(interceptor.WithGate(policy.FleetGate()), interceptor.WithGateObserver(func(e interceptor.GateEvent) { events <- e }))
	fmt.Println(r.Do(context.Background(), "generate", refusedForASecond()))
	for range 2 {
		e := <-events
		fmt.Println(e.Key, "is", e.State)
	}
	// Output:
	// <nil>
	// generate is closed
	// generate is open
}

func ExampleWithGateObserver() {
	r := interceptor.New(interceptor.WithGateObserver(func(e interceptor.GateEvent) {
		if e.State == gate.Closed {
			fmt.Println("closed by", e.Failure.Class)
		}
	}))
	_ = r.Do(context.Background(), "generate", refusedForASecond())
	// Output:
	// closed by Quota
}

func ExampleWithoutGate() {
	r := interceptor.New(interceptor.WithoutGate())
	fmt.Println(r.Do(context.Background(), "generate", refusedForASecond()))
	// Output:
	// <nil>
}

// Tenants with API keys of their own have quotas of their own.
func ExampleWithGateKey() {
	r := interceptor.New(interceptor.WithGateKey(func(ctx context.Context, method string) string {
		md, _ := metadata.FromOutgoingContext(ctx)
		tenant := "nobody"
		if ids := md.Get("tenant"); len(ids) > 0 {
			tenant = ids[0]
		}
		return interceptor.GateKey(ctx, method) + " tenant=" + tenant
	}), interceptor.WithGateObserver(func(e interceptor.GateEvent) { fmt.Println(e.State, "for", e.Key) }))
	ctx := metadata.AppendToOutgoingContext(context.Background(), "tenant", "shop")
	_ = r.Do(ctx, "generate", func(context.Context) error { return grpctest.Hinted(time.Second) }, interceptor.MaxRetries(0))
	// Output:
	// closed for generate tenant=shop
}

func ExampleGateKey() {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-goog-request-params", "model=models%2Fgemini-flash-latest")
	fmt.Println(interceptor.GateKey(ctx, "/google.ai.generativelanguage.v1beta.GenerativeService/StreamGenerateContent"))
	// Output:
	// /google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent model=models/gemini-flash-latest
}

// Any breaker with a two-step Allow fits; examples/integration has
// sony/gobreaker.
func ExampleWithBreaker() {
	r := interceptor.New(interceptor.WithBreaker(&fuse{failures: 1}))
	fail := func(context.Context) error { return status.Error(grpccodes.Unavailable, "down") }
	fmt.Println(interceptor.FailureOf(r.Do(context.Background(), "first", fail, interceptor.MaxRetries(0))).Rule)
	fmt.Println(interceptor.FailureOf(r.Do(context.Background(), "second", fail)).Rule)
	// Output:
	// unavailable
	// breaker
}
