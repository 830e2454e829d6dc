package interceptor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

func TestUnary_theCallersEndIsItsOwnEvenWhereNothingWouldBeRetried(t *testing.T) {
	for name, chain := range map[string][]interceptor.Option{
		"switched off":          {interceptor.Disable()},
		"retried further below": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
			synctest.Test(t, func(t *testing.T) {
				var w retrytest.Watcher
				dial := retrytest.DialOptions(append(chain, interceptor.WithObserver(w.Observe))...)
				after := time.Duration(0)
				if chain == nil {
					dial = append(dial, retrytest.DialOptions()...)
					after = 3 * time.Second
				}
				conn := grpctest.Serve(t, s, dial...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if after == 0 {
					cancel()
				}
				time.AfterFunc(after, cancel)
				_, err := grpctest.CallUnary(ctx, conn)
				if got := w.Last(); got.Outcome != interceptor.Ended || got.Decision.Why != policy.CallerEnded || status.Code(err) != grpccodes.Canceled {
					t.Errorf("got %v, %v and %v, want ended, caller-ended and CANCELED", got.Outcome, got.Decision.Why, err)
				}
			})
		})
	}
}
