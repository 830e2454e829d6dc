package interceptor_test

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestUnary_keepsNothingOfTheOptionsOfACall: the room for the options of a
// call is used again for others, and must not keep alive what those of one
// call point to, however many they were.
func TestUnary_keepsNothingOfTheOptionsOfACall(t *testing.T) {
	type result struct{ header metadata.MD }
	observer := interceptor.WithObserver(func(context.Context, interceptor.Event) {})
	for _, tt := range []struct {
		name  string
		fails int
		opts  []interceptor.Option
	}{
		{"succeeds", 0, nil},
		{"recovers", 1, nil},
		{"fails", 2, nil},
		{"succeeds, observed", 0, []interceptor.Option{observer}},
		{"recovers, observed", 1, []interceptor.Option{observer}},
	} {
		for n := range 20 {
			r := interceptor.New(append(tt.opts, interceptor.WithTable(retrytest.AtOnce(1)))...)
			call := func() (kept []weak.Pointer[result]) {
				var opts []grpc.CallOption
				for range n {
					to := &result{}
					kept, opts = append(kept, weak.Make(to)), append(opts, grpc.Header(&to.header))
				}
				attempts := 0
				_ = r.Unary()(t.Context(), grpctest.UnaryMethod, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
					if attempts++; attempts <= tt.fails {
						return grpctest.ErrOverloaded
					}
					return nil
				}, opts...)
				return kept
			}
			kept := call()
			runtime.GC() // once: what is pooled lives through it
			for i, p := range kept {
				if p.Value() != nil {
					t.Errorf("a call that %s with %d options: option %d is kept", tt.name, n, i)
				}
			}
			runtime.KeepAlive(r)
		}
	}
}
