package interceptor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// failingFunction calls a function that fails, with a table of one retry after 100 ms, and
// without budget.
func failingFunction(opts ...interceptor.Option) func(ctx context.Context, err error) {
	r := interceptor.New(append([]interceptor.Option{
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: 100 * time.Millisecond, Max: 100 * time.Millisecond, Multiplier: 1}),
		interceptor.WithoutBudget(),
	}, opts...)...)
	return func(ctx context.Context, err error) { _ = r.Do(ctx, "f", func(context.Context) error { return err }) }
}

// TestLog_isLimited: of thousands of failures in a second the first are logged, and
// one line tells of the others; then it begins anew.
func TestLog_isLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d retrytest.Journal
		fail := failingFunction(interceptor.WithLogger(&d), interceptor.WithLogLimit(10))
		wrong := status.Error(grpccodes.InvalidArgument, "wrong")
		storm := func() {
			for range 3000 {
				go fail(t.Context(), grpctest.ErrOverloaded)
			}
			for range 50 {
				fail(t.Context(), wrong) // which has a level of its own
			}
			time.Sleep(500 * time.Millisecond)
		}
		count := func(lines []string, prefix string) (n int) {
			for _, line := range lines {
				if strings.HasPrefix(line, prefix) {
					n++
				}
			}
			return n
		}
		for round := range 3 {
			storm()
			lines := d.Take()
			got := []int{count(lines, "WARN [RETRY] Server: attempt 1"), count(lines, "ERROR [RETRY] Server: gave up"), count(lines, "DEBUG [RETRY] Request"), len(lines)}
			if diff := cmp.Diff([]int{10, 10, 10, 30}, got); diff != "" {
				t.Errorf("round %d: retries, given up, not retried, all (-want +got):\n%s", round, diff)
			}
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			want := []string{"ERROR [RETRY] 6020 lines left out within 1s: 2990 retries, 2990 given up, 0 recovered, 0 fallbacks, 40 not retried, 0 of gates (Server 5980, Request 40)" +
				" | protocol=grpc | grpc.component=client | retry.left_out=6020 | retry.left_out.retries=2990 | retry.left_out.given_up=2990"}
			if diff := cmp.Diff(want, d.Take()); diff != "" {
				t.Errorf("round %d: the summary (-want +got):\n%s", round, diff)
			}
		}
		fail(t.Context(), grpctest.ErrOverloaded)
		if lines := d.Take(); len(lines) != 2 {
			t.Errorf("%q, want a retry and the end, and no summary", lines)
		}
	})
}

// TestLog_limits: the default, none, and one that is no limit.
func TestLog_limits(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []interceptor.Option
		want int
	}{
		"default": {nil, interceptor.DefaultLogLimit},
		"none":    {[]interceptor.Option{interceptor.WithLogLimit(0)}, 500},
		"one":     {[]interceptor.Option{interceptor.WithLogLimit(1)}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var d retrytest.Journal
			fail := failingFunction(append(tt.opts, interceptor.WithLogger(&d))...)
			for range 500 {
				fail(t.Context(), status.Error(grpccodes.InvalidArgument, "wrong"))
			}
			if got := len(d.Take()); got != tt.want {
				t.Errorf("%s: %d lines, want %d", name, got, tt.want)
			}
			time.Sleep(2 * time.Second)
			for _, line := range d.Take() {
				if !strings.HasPrefix(line, "DEBUG [RETRY] ") {
					t.Errorf("%s: %q, want the level of what was left out", name, line)
				}
			}
		})
	}
	defer func() {
		if got := fmt.Sprint(recover()); got != "interceptor: WithLogLimit: -1: want >= 0" {
			t.Errorf("got %s", got)
		}
	}()
	interceptor.New(interceptor.WithLogLimit(-1))
}

// TestLog_hasNoSecrets: neither key nor token nor prompt is in any line, whichever
// field they come in.
func TestLog_hasNoSecrets(t *testing.T) {
	const apiKey, token, prompt = "AIzaSyA-0123456789abcdefghijklmnopqrs", "ya29.a0AfH6SMBx-token", "tell me about my illness" //nolint:gosec // made up
	all := apiKey + " " + token + " " + prompt
	for _, messages := range []bool{false, true} {
		for name, secret := range map[string]string{"together": all, "key": apiKey, "token": token, "prompt": prompt} {
			synctest.Test(t, func(t *testing.T) {
				var d retrytest.Journal
				refusal := func(code grpccodes.Code) error {
					st, err := status.New(code, secret).WithDetails(
						&errdetails.ErrorInfo{Reason: secret, Domain: secret, Metadata: map[string]string{secret: secret}},
						&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
							Subject: secret, Description: secret, ApiService: secret, QuotaMetric: secret, QuotaId: secret + "PerMinute",
							QuotaDimensions: map[string]string{secret: secret},
						}}},
					)
					if err != nil {
						t.Fatal(err)
					}
					return st.Err()
				}
				failures := []error{
					refusal(grpccodes.ResourceExhausted), refusal(grpccodes.Unavailable), refusal(grpccodes.InvalidArgument), refusal(grpccodes.Unauthenticated),
					refusal(grpccodes.Unknown), refusal(99),
				}
				s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
					return nil, failures[n%len(failures)]
				}}
				opts := []interceptor.Option{
					interceptor.WithLogger(&d), interceptor.Repeatable(), interceptor.WithGate(policy.FleetGate()),
					interceptor.WithGateKey(func(context.Context, string) string { return secret }),
					interceptor.WithGateObserver(func(interceptor.GateEvent) { panic(secret) }),
					interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { return nil, refusal(grpccodes.Internal) }),
				}
				if messages {
					opts = append(opts, interceptor.WithMessages())
				}
				client := testpb.NewTestServiceClient(grpctest.Serve(t, s, interceptor.DialOptions(opts...)...))
				ctx := metadata.AppendToOutgoingContext(t.Context(), "x-goog-api-key", secret, "authorization", "Bearer "+secret)
				for range 2 * len(failures) {
					_, _ = client.UnaryCall(ctx, &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte(secret)}})
				}
				time.Sleep(time.Minute)
				lines := d.Take()
				if len(lines) < 10 {
					t.Errorf("%d lines, want many", len(lines))
				}
				for _, line := range lines {
					_, _, told := strings.Cut(line, "retry.message=") // of the server, as was asked for
					told = messages && (told || strings.Contains(line, "panicked"))
					if strings.Contains(line, apiKey) || strings.Contains(line, token) || (strings.Contains(line, prompt) && !told) {
						t.Errorf("%s, messages %v: %s", name, messages, line)
					}
				}
			})
		}
	}
}
