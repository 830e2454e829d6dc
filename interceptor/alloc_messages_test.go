package interceptor_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestAlloc_streamPerMessage: after the first message a stream costs no
// allocation of ours, whatever came before.
func TestAlloc_streamPerMessage(t *testing.T) {
	if grpctest.RaceEnabled {
		t.Skip("the race detector changes what is allocated")
	}
	observer := interceptor.WithObserver(func(context.Context, interceptor.Event) {})
	for _, tt := range []struct {
		name     string
		options  []interceptor.Option
		failures int
	}{
		{"the first attempt delivers", nil, 0},
		{"a retry delivers", nil, 2},
		{"observed", []interceptor.Option{observer}, 0},
		{"observed, and a retry delivers", []interceptor.Option{observer}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 2, Multiplier: 1})
			intercept := interceptor.New(append(tt.options, interceptor.Repeatable(), at)...).Stream()
			n := 0
			stream, err := intercept(t.Context(), grpctest.ServerStream, nil, grpctest.StreamMethod, func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
				if n++; n <= tt.failures {
					return &grpctest.Fake{Ctx: ctx, OnRecv: func(any) error { return grpctest.ErrOverloaded }}, nil
				}
				return &grpctest.Fake{Ctx: ctx}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.RecvMsg(nil); err != nil {
				t.Fatal(err)
			}
			if got := testing.AllocsPerRun(1000, func() {
				if err := stream.RecvMsg(nil); err != nil {
					t.Fatal(err)
				}
			}); got != 0 {
				t.Errorf("%v allocations per message, want none", got)
			}
		})
	}
}
