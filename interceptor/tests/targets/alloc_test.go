//go:build !race

package targets_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
)

// TestAlloc_targets: a healthy call with targets allocates nothing of ours, before a quota
// was ever spent.
func TestAlloc_targets(t *testing.T) {
	unary := interceptor.New(interceptor.WithTargets(to("b"), to("c"))).Unary()
	invoker := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if err := unary(ctx, "/a.S/M", nil, nil, nil, invoker); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a call, want none", n)
	}
}
