package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// withModel returns a context of calls about a model, which is part of their gate's key.
func withModel(ctx context.Context, model string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-goog-request-params", "model="+url.QueryEscape(model))
}

// TestLog_textOfTheServerIsPrintableAndBounded: every line and field of a call about
// which the server says a lot.
func TestLog_textOfTheServerIsPrintableAndBounded(t *testing.T) {
	message := nasty(huge())
	c := &censor{tb: t}
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(nastyStatus(t, grpccodes.Unavailable, message, reasoned(nasty(10<<10))...))}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if got := status.Convert(err).Message(); got != message {
			t.Errorf("a message of %d bytes, want that of the server", len(got))
		}
	}, interceptor.MaxRetries(1), interceptor.Repeatable(), interceptor.WithLogger(c), interceptor.WithMessages())
	c.wantLines("[RETRY] Quota: attempt 1 of "+grpctest.UnaryMethod+" failed, next in 5s", "gave up after attempt 2")
	c.wantField("retry.message", `bad \n\r\t\x1b[31mred\x00\x7f\u009b\u202e\u2028 bad`)
	c.wantField("retry.message", " bytes cut)")
	c.wantField("retry.reason", "[redacted]")
	c.wantField("retry.domain", "[redacted]")
	c.wantField("retry.quota", "[redacted]")
}

// TestLog_nameOfAFunctionIsPrintableAndBounded: in each line that there is about a call.
func TestLog_nameOfAFunctionIsPrintableAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &censor{tb: t}
		r := interceptor.New(interceptor.WithLogger(c), interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithRand(retrytest.NoSpread), interceptor.WithMessages())
		do := func(ctx context.Context, failures int, err error, opts ...interceptor.CallOption) {
			n := 0
			_ = r.Do(ctx, "say\xff\n"+nasty(10<<10), func(context.Context) error {
				if n++; n <= failures {
					return err
				}
				return nil
			}, opts...)
		}
		invalid := status.Error(grpccodes.Unavailable, "\xffa\xc3\n")
		do(t.Context(), 1, invalid)
		do(t.Context(), 2, invalid)
		do(t.Context(), 2, invalid, interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { return nil, nil }))
		do(t.Context(), 1, grpctest.Hinted(10*time.Second), interceptor.MaxRetries(0))
		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		do(soon, 0, nil)        // is turned away
		do(t.Context(), 0, nil) // waits
		const name = `say\xff\nbad \n`
		c.wantLines("attempt 1 of "+name, "after attempt 2 of "+name, "attempt 2 of "+name, "fallback after attempt 2 of "+name,
			"the gate turned "+name, name, " has waited ")
		c.wantField("grpc.method", name)
		c.wantField("retry.message", `\xffa\xc3\n`)
	})
}

// TestLog_layersNameIsPrintableAndBounded: of a method whose service config retries too.
func TestLog_layersNameIsPrintableAndBounded(t *testing.T) {
	c := &censor{tb: t}
	conn := grpctest.Serve(t, &grpctest.Server{}, grpc.WithDisableRetry())
	method := "/a.S/M\n" + nasty(10<<10)
	below := fmt.Errorf("max retries exhausted: failed after 4 attempts: %w", grpctest.ErrOverloaded) // as grpc says
	fail := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return below }
	r := interceptor.New(interceptor.WithLogger(c), interceptor.WithTable(retrytest.AtOnce(0)))
	_ = r.Unary()(t.Context(), method, nil, nil, conn, fail)
	c.wantLines(`retries /a.S/M\nbad \n`)
}

// TestLog_gateIsPrintableAndBounded: of the key and the target, whether the gate holds
// calls or only says so.
func TestLog_gateIsPrintableAndBounded(t *testing.T) {
	message := nasty(huge())
	refusal := nastyStatus(t, grpccodes.ResourceExhausted, message, &errdetails.RetryInfo{RetryDelay: durationpb.New(10 * time.Second)})
	for name, gates := range map[string]interceptor.Option{
		"a gate": interceptor.WithGate(policy.DefaultGate()), "a dry run": interceptor.WithGateDryRun(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &censor{tb: t}
				srv := grpc.NewServer()
				testpb.RegisterTestServiceServer(srv, &grpctest.Server{Unary: grpctest.RefuseFirst(1, refusal)})
				conn := grpctest.ConnectAs(t, "passthrough:///"+strings.Repeat("x", 2000), srv, retrytest.DialOptions(gates, interceptor.WithLogger(c), interceptor.WithMessages(),
					interceptor.WithGateObserver(func(interceptor.GateEvent) { panic("\xff" + message) }))...)
				ctx := withModel(t.Context(), nasty(20<<10))
				_, _ = grpctest.CallUnary(ctx, conn, interceptor.MaxRetries(0))
				_, _ = grpctest.CallUnary(ctx, conn)
				time.Sleep(time.Minute)
				const key = grpctest.UnaryMethod + ` model=bad \n\r`
				c.wantLines("gate closed for "+key, "gate reopened for "+key, `the function of WithGateObserver panicked: \xffbad \n`)
				c.wantField("retry.gate.key", key)
				c.wantField("retry.gate.target", "passthrough:///xxx")
				if name == "a dry run" {
					c.wantLines("dry run: the gate of " + key)
				} else {
					c.wantLines("at the gate of " + key)
				}
			})
		})
	}
}

// TestLog_dryRunOfAFunctionIsPrintableAndBounded: of its name.
func TestLog_dryRunOfAFunctionIsPrintableAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &censor{tb: t}
		r := interceptor.New(interceptor.WithGateDryRun(), interceptor.WithLogger(c), interceptor.WithRand(retrytest.NoSpread))
		for _, err := range []error{grpctest.Hinted(20 * time.Second), nil} {
			_ = r.Do(t.Context(), "say\n"+nasty(10<<10), func(context.Context) error { return err }, interceptor.MaxRetries(0))
		}
		time.Sleep(time.Minute)
		c.wantLines(`this call of say\nbad \n`)
		c.wantField("grpc.method", `say\nbad \n`)
	})
}

// TestLog_noPartOfASecretIsLeft: of one that lies across the end of what is searched.
func TestLog_noPartOfASecretIsLeft(t *testing.T) {
	const searched, key = 8 << 10, "AIzaSyA-0123456789abcdefghijklmnopqrs"
	for visible := range len(key) + 2 {
		c := &censor{tb: t}
		hidden := "token=" + strings.Repeat("x", searched-visible-7) + " "
		r := interceptor.New(interceptor.WithLogger(c), interceptor.WithMessages(), interceptor.WithTable(retrytest.AtOnce(1)))
		_ = r.Do(t.Context(), "f", func(context.Context) error { return errors.New(hidden + key + strings.Repeat("y", 100)) })
		c.wantField("retry.message", " bytes cut)")
		for _, v := range c.named["retry.message"] {
			if strings.Contains(v, "AIza") {
				t.Errorf("%d bytes of the key were searched: %q", visible, v)
			}
		}
	}
}
