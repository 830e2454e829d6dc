//go:build !race

package quotas_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// calls makes calls that a limit lets through at once, or that no limit is for.
func calls(tb testing.TB, pattern string) (context.Context, func(context.Context) error) {
	tb.Helper()
	unary := interceptor.New(interceptor.WithQuotas(policy.Quota{Pattern: pattern, Requests: 1 << 40})).Unary()
	invoker := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	return tb.Context(), func(ctx context.Context) error { return unary(ctx, "/a.S/M", nil, nil, nil, invoker) }
}

// TestAlloc_quotas: what a known limit costs a call that does not wait.
func TestAlloc_quotas(t *testing.T) {
	for pattern, most := range map[string]float64{"M": 3, "other": 0} {
		ctx, call := calls(t, pattern)
		if n := testing.AllocsPerRun(1000, func() {
			if err := call(ctx); err != nil {
				t.Fatal(err)
			}
		}); n > most {
			t.Errorf("%v allocations a call with a limit for %s, want at most %v", n, pattern, most)
		}
	}
}

func BenchmarkQuotas(b *testing.B) {
	for _, pattern := range []string{"M", "other"} {
		b.Run(pattern, func(b *testing.B) {
			ctx, call := calls(b, pattern)
			b.ReportAllocs()
			for b.Loop() {
				if err := call(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
