package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// callsOf returns how often r calls a function that always fails with err.
func callsOf(r *interceptor.Retrier, err error, opts ...interceptor.CallOption) (n int) {
	_ = r.Do(context.Background(), "work", func(context.Context) error { n++; return err }, opts...)
	return n
}

// errInternal is a failure that leaves open whether the call ran.
var errInternal = status.Error(grpccodes.Internal, "An internal error has occurred.")

func ExampleWithTable() {
	t := policy.Default()
	t[codes.Server] = policy.Policy{Retries: 5}
	r := interceptor.New(interceptor.WithTable(t))
	fmt.Println(callsOf(r, errInternal))
	// Output: 6
}

func ExampleWithPolicy() {
	r := interceptor.New(interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 2}))
	fmt.Println(callsOf(r, errInternal))
	// Output: 3
}

func ExampleWithLimits() {
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.WithLimits(policy.Limits{MaxServerDelay: time.Second}))
	err := status.Error(grpccodes.ResourceExhausted, "Please retry in 38.9s.")
	fmt.Println(callsOf(r, err)) // more than is waited out
	// Output: 1
}

func ExampleWithConfig() {
	c := policy.DefaultConfig()
	c.Table = quick()
	c.Budget = policy.BudgetConfig{Max: 1, Start: 1}
	r := interceptor.New(interceptor.WithConfig(c))
	fmt.Println(callsOf(r, errInternal), callsOf(r, errInternal))
	// Output: 2 1
}

func ExampleWithLive() {
	c := policy.DefaultConfig()
	c.Table = quick()
	live, err := policy.NewLive(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := interceptor.New(interceptor.WithLive(live))
	fmt.Println(callsOf(r, errInternal))
	fmt.Println(live.Store(policy.Config{})) // which never retries
	fmt.Println(callsOf(r, errInternal))
	// Output:
	// 4
	// <nil>
	// 1
}

func ExampleWithMethod() {
	r := interceptor.New(
		interceptor.WithTable(quick()),
		interceptor.WithMethod("/grpc.testing.TestService/*", interceptor.MaxRetries(1)),
		interceptor.WithMethod("/grpc.testing.TestService/UnaryCall", interceptor.Disable()),
	)
	server, client := connect(10, r.DialOptions()...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{}) // the longest pattern counts
	fmt.Println(server.calls, status.Code(err))
	// Output: 1 Unavailable
}

func ExampleMaxRetries() {
	server, client := connect(10, interceptor.DialOptions(interceptor.WithTable(quick()))...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{}, interceptor.MaxRetries(2))
	fmt.Println(server.calls, status.Code(err)) // the first attempt and two retries
	// Output: 3 Unavailable
}

func ExampleRepeatable() {
	r := interceptor.New(interceptor.WithTable(quick()))
	for _, opt := range []interceptor.CallOption{interceptor.NotRepeatable(), interceptor.Repeatable()} {
		fmt.Println(callsOf(r, errInternal, opt))
	}
	// Output:
	// 1
	// 4
}

func ExampleNotRepeatable() {
	r := interceptor.New(interceptor.WithTable(quick()))
	err := r.Do(context.Background(), "charge", func(context.Context) error { return errInternal }, interceptor.NotRepeatable())
	fmt.Println(err)
	// Output: charge failed for good (not-repeatable) after 1 attempt [Internal internal]; the method may have run, and was declared interceptor.NotRepeatable(): rpc error: code = Internal desc = An internal error has occurred.
}

func ExampleDisable() {
	server, client := connect(10, interceptor.DialOptions()...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{}, interceptor.Disable())
	fmt.Println(server.calls, status.Code(err))
	// Output: 1 Unavailable
}

func ExampleEnable() {
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.Disable()) // off, except where asked for
	fmt.Println(callsOf(r, errInternal), callsOf(r, errInternal, interceptor.Enable()))
	// Output: 1 4
}

func ExampleWithReplayBuffer() {
	server, client := connect(1, interceptor.DialOptions(interceptor.WithTable(quick()))...)
	defer server.stop()

	stream, err := client.StreamingOutputCall(context.Background(),
		&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte("too large to keep")}},
		interceptor.WithReplayBuffer(8))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = stream.Recv()
	fmt.Println(server.calls, status.Code(err))
	// Output: 1 Unavailable
}

func ExampleWithRules() {
	errBusy := errors.New("423 Locked")
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.WithRules(codes.Rule{
		Name: "locked", Class: codes.Conflict,
		Match: func(r *codes.Report) bool { return errors.Is(r.Err, errBusy) },
	}))
	fmt.Println(callsOf(r, errBusy)) // by default, an error that is no status is retried
	// Output: 1
}

func ExampleWithBudget() {
	shared, err := policy.NewBudget(policy.BudgetConfig{Max: 4, Start: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	first := interceptor.New(interceptor.WithTable(quick()), interceptor.WithBudget(shared))
	second := interceptor.New(interceptor.WithTable(quick()), interceptor.WithBudget(shared))
	fmt.Println(callsOf(first, errInternal), callsOf(second, errInternal), callsOf(first, errInternal))
	// Output: 4 2 1
}

func ExampleWithoutBudget() {
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.WithoutBudget())
	fmt.Println(r.Budget() == nil)
	// Output: true
}

func ExampleWithObserver() {
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		fmt.Println(e.Method, e.Attempt, e.Outcome, e.Failure.Class, e.Decision.Why)
	}))
	callsOf(r, errInternal, interceptor.MaxRetries(1))
	// Output:
	// work 1 pending Server backoff
	// work 2 pending Server class-exhausted
	// work 2 exhausted Server class-exhausted
}

func ExampleWithSlog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "retry.elapsed" { // differ from run to run
				return slog.Attr{}
			}
			return a
		},
	}))
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.WithSlog(logger))
	callsOf(r, errInternal, interceptor.MaxRetries(1))
	// Output:
	// level=WARN msg="[RETRY] Server: attempt 1 of work failed, next at once" grpc.method=work grpc.code=Internal retry.class=Server retry.rule=internal retry.why=backoff retry.attempt=1 retry.wait=0s retry.reach=Lost
	// level=ERROR msg="[RETRY] Server: gave up after attempt 2 of work (class-exhausted)" grpc.method=work grpc.code=Internal retry.class=Server retry.rule=internal retry.why=class-exhausted retry.attempt=2 retry.wait=0s retry.reach=Lost
}

func ExampleWithLogger() {
	logger := logging.LoggerFunc(func(_ context.Context, _ logging.Level, msg string, _ ...any) { fmt.Println(msg) })
	r := interceptor.New(interceptor.WithTable(quick()), interceptor.WithLogger(logger))
	callsOf(r, errInternal, interceptor.MaxRetries(1))
	// Output:
	// [RETRY] Server: attempt 1 of work failed, next at once
	// [RETRY] Server: gave up after attempt 2 of work (class-exhausted)
}

func ExampleWithMessages() {
	logger := logging.LoggerFunc(func(_ context.Context, _ logging.Level, _ string, fields ...any) {
		fmt.Println(fields[len(fields)-2:]...)
	})
	r := interceptor.New(interceptor.WithLogger(logger), interceptor.WithMessages())
	callsOf(r, status.Error(grpccodes.Internal, "no answer for key=AIzaSyExample"), interceptor.Disable())
	// Output: retry.message no answer for [redacted]
}

func ExampleWithoutEvidence() {
	server, client := connect(10, interceptor.DialOptions(interceptor.WithTable(quick()), interceptor.WithoutEvidence())...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	fmt.Println(server.calls, interceptor.FailureOf(err).Reach) // not known to be repeatable, and it may have run
	// Output: 1 Lost
}

// impatient is a clock on which every wait is over at once.
type impatient struct{}

func (impatient) Now() time.Time { return time.Now() }

func (impatient) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	fmt.Println("waits", d)
	return time.AfterFunc(0, f).Stop
}

func ExampleWithClock() {
	r := interceptor.New(interceptor.WithClock(impatient{}), interceptor.WithRand(func() float64 { return 0 }))
	fmt.Println(callsOf(r, errInternal))
	// Output:
	// waits 2s
	// waits 4s
	// waits 8s
	// 4
}

func ExampleWithRand() {
	most := func() float64 { return 0.999999 }
	r := interceptor.New(interceptor.WithClock(impatient{}), interceptor.WithRand(most),
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Second, Max: time.Minute, Multiplier: 2, Jitter: policy.Full}))
	callsOf(r, errInternal)
	// Output: waits 999.999ms
}

func ExampleFailureOf() {
	server, client := connect(10, interceptor.DialOptions(interceptor.WithTable(quick()))...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{})
	f := interceptor.FailureOf(err)
	fmt.Println(f.Class, f.Code, f.Reach, f.Rule)
	// Output: Server Unavailable Answered overloaded
}

func ExampleRetryAfter() {
	err := status.Error(grpccodes.ResourceExhausted, "You exceeded your current quota. Please retry in 38.9s.")
	fmt.Println(interceptor.RetryAfter(err))
	// Output: 38.9s true
}

func ExampleError() {
	server, client := connect(10, interceptor.DialOptions(interceptor.WithTable(quick()))...)
	defer server.stop()

	_, err := client.UnaryCall(context.Background(), &testpb.SimpleRequest{}, interceptor.MaxRetries(1))
	if e, ok := errors.AsType[*interceptor.Error](err); ok {
		fmt.Println(e.Why, len(e.Attempts), e.Attempts[0].Rule)
	}
	fmt.Println(status.Convert(err).Message()) // as if there had been no retries
	// Output:
	// class-exhausted 2 overloaded
	// The model is overloaded. Please try again later.
}

func ExampleKnownRepeatable() {
	for _, method := range []string{
		"/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent",
		"/google.cloud.aiplatform.v1.MemoryBankService/GenerateMemories",
		"/shop.v1.Orders/Place",
	} {
		fmt.Println(interceptor.KnownRepeatable(method))
	}
	// Output:
	// true name
	// false exception
	// false
}
