package connections_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestTrust_isOfOneConnection: that trailers arrive over one connection says nothing
// about another, whose interceptors may drop the option that asks for them.
func TestTrust_isOfOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reaches []codes.Reach
		r := interceptor.New(interceptor.MaxRetries(0), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if e.Failure.Class != codes.None {
				reaches = append(reaches, e.Failure.Reach)
			}
		}))
		whole := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}, r.DialOptions()...)
		if _, err := grpctest.CallUnary(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		drops := grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			return invoke(ctx, method, req, reply, cc)
		})
		dropping := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(status.Error(grpccodes.Internal, "no"))}, append(r.DialOptions(), drops)...)
		_, _ = grpctest.CallUnary(t.Context(), dropping)
		if len(reaches) == 0 || slices.Contains(reaches, codes.Unsent) {
			t.Errorf("got %v, want failures that do not count as not sent", reaches)
		}
	})
}
