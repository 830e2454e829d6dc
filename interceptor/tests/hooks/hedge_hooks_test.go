package hooks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

func TestHedge_withTheOtherHooks(t *testing.T) {
	t.Run("fallback", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := models(errSpent)
			conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable(), interceptor.WithFallback(toOther))...)
			if reply, err := grpctest.CallUnary(t.Context(), conn); err != nil || reply.GetUsername() != "other" {
				t.Errorf("got %v, %v", reply, err)
			}
			grpctest.WantAttempts(t, s, 2)
		})
	})
	t.Run("accept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Unary: emptyAtFirst(1)}
			conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable(), wantsName(grpctest.ErrOverloaded))...)
			if reply, err := grpctest.CallUnary(t.Context(), conn); err != nil || reply.GetUsername() != "answer" {
				t.Errorf("got %v, %v", reply, err)
			}
			grpctest.WantAttempts(t, s, 2)
		})
	})
	t.Run("refresh", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, errToken)}
			var w wallet
			conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithHedge(time.Second, 3), interceptor.Repeatable(), interceptor.WithRefresh(w.refresh))...)
			if _, err := grpctest.CallUnary(t.Context(), conn); err != nil || w.refreshes.Load() != 1 {
				t.Errorf("got %v after %d refreshes, want success after one", err, w.refreshes.Load())
			}
		})
	})
}
