package gate_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestGate_logs: a closing, a reopening before its time and a long wait are a line each;
// the line of a retry names the wait that follows.
func TestGate_logs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j retrytest.Journal
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(20*time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithLogger(&j), interceptor.WithRand(retrytest.NoSpread))...)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = grpctest.CallUnary(t.Context(), conn) })
			time.Sleep(time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _ = grpctest.CallUnary(ctx, conn)
		wg.Wait()
		for _, want := range []string{
			"ERROR [RETRY] Quota: the gate turned /grpc.testing.TestService/UnaryCall away, and it was not sent (gate-closed): " +
				"the calls of this quota wait together: interceptor.WithoutGate() switches this off",
			"retry.attempt=0 | retry.wait=0s | retry.elapsed=0s | retry.reach=Unsent",
			"INFO [RETRY] Quota: gate closed for /grpc.testing.TestService/UnaryCall at passthrough:///bufconn, because of quota-hint, until 2000-01-01T00:00:20Z: 0 calls wait",
			"WARN [RETRY] Quota: attempt 1 of /grpc.testing.TestService/UnaryCall failed, next in 20s, when the gate opens",
			"INFO [RETRY] gate reopened for /grpc.testing.TestService/UnaryCall at passthrough:///bufconn",
			"the server took a call before the time that it had named, and until 2000-01-01T00:05:01Z a single refusal closes nothing",
			"DEBUG [RETRY] /grpc.testing.TestService/UnaryCall has waited 20s at the gate of /grpc.testing.TestService/UnaryCall at passthrough:///bufconn",
		} {
			found := 0
			for _, line := range j.Lines {
				if strings.Contains(line, want) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%d lines say %q, want one, in:\n%s", found, want, strings.Join(j.Lines, "\n"))
			}
		}
	})
}
