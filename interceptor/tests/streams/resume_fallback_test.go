package streams_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestResume_noFallbackOnTheWay: what was shown cannot be taken back, even while
// a resumed attempt has delivered nothing.
func TestResume_noFallbackOnTheWay(t *testing.T) {
	s := story(sentence, grpctest.ErrOverloaded, 2, 0, 0, 0, 0)
	retrytest.Setup{Options: []interceptor.Option{
		interceptor.WithResume(fromThere),
		interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) {
			t.Error("asked about a stream of which something was shown")
			return grpctest.Ask("0"), nil
		}),
	}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		bodies, err := grpctest.Drain(openWhole(t, conn))
		if len(bodies) != 2 || status.Code(err) != grpccodes.Unavailable {
			t.Errorf("got %v, %v", bodies, err)
		}
	})
}
