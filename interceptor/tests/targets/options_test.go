package targets_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestTargets_options: a call, a context and a method have targets of their own, in this
// order, and may have none.
func TestTargets_options(t *testing.T) {
	only := func(model string) interceptor.CallOption { return interceptor.WithTargets(to(model)) }
	h := &house{answers: map[string]func(int) error{"a": refusing(errPerDay)}}
	run(t, h, func(p *program) {
		p.want("m", 0)
		in := interceptor.NewContext(p.Context(), only("x"))
		for _, c := range []struct {
			ctx  context.Context
			opts []grpc.CallOption
			want string
		}{
			{p.Context(), nil, "m"},
			{in, nil, "x"},
			{in, []grpc.CallOption{only("o")}, "o"},
			{in, []grpc.CallOption{interceptor.WithTargets()}, ""},
		} {
			if got, _, err := p.callIn(c.ctx, c.opts...); got != c.want || (err == nil) != (c.want != "") {
				p.Errorf("got %q, %v: want %q", got, err, c.want)
			}
		}
	}, interceptor.WithMethod("/grpc.testing.TestService/*", only("m")))
}

// TestTargets_patience: a target with a short queue is waited for.
func TestTargets_patience(t *testing.T) {
	for patience, want := range map[time.Duration]string{0: "b", 3 * time.Second: "b", 7 * time.Second: "a"} {
		h := &house{}
		h.answers = map[string]func(int) error{"a": h.until(6*time.Second, grpctest.Hinted(6*time.Second))}
		run(t, h, func(p *program) {
			p.want("b", 0)
			took := time.Duration(0)
			if want == "a" {
				took = 6 * time.Second
			}
			p.want(want, took)
		}, interceptor.Patience(patience))
	}
}

// TestTargets_faults: what is wrong with the options is said at once, and what is wrong
// with an Adapt ends the call.
func TestTargets_faults(t *testing.T) {
	adapt := func(ctx context.Context, req any) (context.Context, any, bool) { return ctx, req, true }
	for name, c := range map[string]struct {
		opt  interceptor.Option
		want string
	}{
		"no name":      {interceptor.WithTargets(interceptor.Target{Adapt: adapt}), "target 1: Name is empty: want a name"},
		"a name twice": {interceptor.WithTargets(to("b"), to("b")), `target 2: Name "b": want a name no other target has`},
		"no place":     {interceptor.WithTargets(interceptor.Target{Name: "b"}), `target "b": want Conn or Adapt`},
		"impatience":   {interceptor.Patience(-1), "Patience: -1ns: want >= 0"},
	} {
		if got := grpctest.MustPanic(t, func() { interceptor.New(c.opt) }); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		adapt func(ctx context.Context, req any) (context.Context, any, bool)
		want  string
	}{
		"a panic":       {func(context.Context, any) (context.Context, any, bool) { panic("lost") }, "interceptor: WithTargets: the function panicked: lost"},
		"a nil context": {func(_ context.Context, req any) (context.Context, any, bool) { return nil, req, true }, `target "b": got a nil context`},
		"another type": {
			func(ctx context.Context, _ any) (context.Context, any, bool) { return ctx, &testpb.Empty{}, true },
			`target "b": got a request of type *grpc_testing.Empty: want a *grpc_testing.SimpleRequest`,
		},
		"nothing": {func(ctx context.Context, _ any) (context.Context, any, bool) { return ctx, nil, true }, `target "b": got a request of type <nil>`},
	} {
		h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(time.Minute))}}
		run(t, h, func(p *program) {
			for range 2 { // after a refusal, and at a closed gate
				_, took, err := p.call()
				if status.Code(err) != grpccodes.Internal || !strings.Contains(err.Error(), c.want) || took != 0 {
					t.Errorf("%s: got %v after %v, want %q", name, err, took, c.want)
				}
			}
		}, interceptor.WithTargets(interceptor.Target{Name: "b", Adapt: c.adapt}))
	}
}
