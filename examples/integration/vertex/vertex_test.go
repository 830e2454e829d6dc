package main

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	aiplatform "cloud.google.com/go/aiplatform/apiv1"
	pb "cloud.google.com/go/aiplatform/apiv1/aiplatformpb"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
	"github.com/reinvoke/reinvoke/policy"
)

// TestRun_againstItsOwnServer: both calls recover.
func TestRun_againstItsOwnServer(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatal(err)
	}
	const want = `GenerateContent: attempt 1 failed: Quota (quota-hint), hint
GenerateContent: recovered, attempts 2
A made-up answer.
StreamGenerateContent: attempt 1 failed: Server (overloaded), backoff
A made-up
answer in pieces.
StreamGenerateContent: recovered, attempts 2
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRun_unexpectedArgument(t *testing.T) {
	if err := run(t.Context(), []string{"x"}, io.Discard); err == nil || err.Error() != `unexpected argument "x": want flags only` {
		t.Errorf("got %v", err)
	}
}

// TestDisableRetry_vertex: Vertex's client retries nothing by itself, until it is told
// to; then the attempts of the two layers multiply, and no longer once it is told not
// to.
func TestDisableRetry_vertex(t *testing.T) {
	for _, tt := range []struct {
		name           string
		loop, disabled bool
		attempts       int
	}{
		{"as it comes", false, false, 2},
		{"with a loop of its own", true, false, 6},
		{"with that switched off", true, true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{always: status.Error(grpccodes.Unavailable, "The service is currently unavailable.")}
			where, stop, err := s.start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			client, err := aiplatform.NewPredictionClient(t.Context(), append(gapic.ClientOptions(once()), where...)...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close() //nolint:errcheck // a test
			loops := 0
			if tt.loop {
				o := client.CallOptions
				o.GenerateContent = append(o.GenerateContent, gax.WithRetry(func() gax.Retryer { return &thrice{loops: &loops} }))
			}
			if got := len(gapic.Retries(client.CallOptions)); (got > 0) != tt.loop {
				t.Errorf("%d methods retry above the interceptor", got)
			}
			if tt.disabled {
				gapic.DisableRetry(client.CallOptions)
			}
			_, err = client.GenerateContent(t.Context(), &pb.GenerateContentRequest{Model: "projects/p/locations/l/publishers/google/models/m"})
			if status.Code(err) != grpccodes.Unavailable || int(s.whole.Load()) != tt.attempts {
				t.Errorf("%d attempts, %v: want %d and UNAVAILABLE", s.whole.Load(), err, tt.attempts)
			}
		})
	}
}

// TestPredictionClient_hasNoDeadline: a call without a deadline of the program's own may
// take for ever.
func TestPredictionClient_hasNoDeadline(t *testing.T) {
	s := &server{}
	where, stop, err := s.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	attempts := 0
	look := option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		attempts++
		if deadline, ok := ctx.Deadline(); ok {
			t.Errorf("attempt %d has the deadline %v, want none", attempts, deadline)
		}
		return invoker(ctx, method, req, reply, cc, opts...)
	}))
	client, err := aiplatform.NewPredictionClient(t.Context(), append(append(gapic.ClientOptions(), where...), look)...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test
	if _, err := client.GenerateContent(t.Context(), &pb.GenerateContentRequest{Model: "m"}); err != nil || attempts != 2 {
		t.Errorf("got %v after %d attempts, want an answer to the second", err, attempts)
	}
}

// thrice is a loop of gax that calls three times.
type thrice struct{ loops *int }

func (r *thrice) Retry(error) (time.Duration, bool) {
	*r.loops++
	return time.Millisecond, *r.loops < 3
}

// once retries a server in trouble once, at once.
func once() interceptor.Option {
	return interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Millisecond, Max: time.Millisecond, Multiplier: 1})
}
