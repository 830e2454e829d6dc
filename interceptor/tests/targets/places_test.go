package targets_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// errUnknown is the error for a place that the program has no target for.
var errUnknown = errors.New("want b, c or d")

// places makes the targets of models b to d.
var places = interceptor.WithPlaces(func(p policy.Place) (interceptor.Target, error) {
	if !slices.Contains([]string{"b", "c", "d"}, p.Model) {
		return interceptor.Target{}, errUnknown
	}
	return to(p.Model), nil
})

// config is the default with these places.
func config(models ...string) policy.Config {
	c := policy.DefaultConfig()
	for _, m := range models {
		c.Targets = append(c.Targets, policy.Place{Model: m})
	}
	return c
}

// TestPlaces: a Config adds targets behind those of the code, a reload changes them, and a
// section of a method has its own or none.
func TestPlaces(t *testing.T) {
	live, err := policy.NewLive(config("b"))
	if err != nil {
		t.Fatal(err)
	}
	store := func(c policy.Config) {
		t.Helper()
		if err := live.Store(c); err != nil {
			t.Fatal(err)
		}
	}
	h := &house{answers: map[string]func(int) error{"a": refusing(errPerDay), "b": refusing(errPerDay)}}
	runPlain(t, h, func(p *program) {
		if model, _, err := p.call(); err == nil {
			p.Errorf("got %q, want both refused", model)
		}
		store(config("b", "c"))
		p.want("c", 0)
		own := config("b")
		own.Methods = []policy.Method{{Pattern: "/grpc.testing.TestService/*", Targets: []policy.Place{{Model: "d"}}}}
		store(own)
		p.want("d", 0)
		own.Methods[0].Targets = []policy.Place{}
		store(own)
		if model, _, err := p.call(); err == nil {
			p.Errorf("got %q, want no target", model)
		}
		store(config("x", "c"))
		p.want("c", 0)
		p.want("c", 0)
		if got := p.journal.With("a target of the configuration is left out: interceptor: WithPlaces: model x: want b, c or d"); len(got) != 1 {
			p.Errorf("got %q, want the unknown place in the log, once", p.journal.Lines)
		}
	}, interceptor.WithLive(live), places, interceptor.WithTargets())
	h = &house{answers: map[string]func(int) error{"a": refusing(errPerDay), "c": refusing(errPerDay)}}
	run(t, h, func(p *program) { p.want("b", 0) }, interceptor.WithConfig(config("b")), places, interceptor.WithTargets(to("c")))
}

// TestPlaces_faults: a Config with a place that nothing is known of does not begin.
func TestPlaces_faults(t *testing.T) {
	for want, opts := range map[string][]interceptor.Option{
		"interceptor: the Config has the target model b: want WithPlaces, which says what that is, such as google.Places": {interceptor.WithConfig(config("b"))},
		"interceptor: WithPlaces: model x: want b, c or d":                                                                {interceptor.WithConfig(config("x")), places},
		"interceptor: WithPlaces: nil function: want one that returns the target of a place":                              {interceptor.WithPlaces(nil)},
		`interceptor: WithPlaces: model b: interceptor: WithTargets: target 1: Name is empty: want a name`: {
			interceptor.WithConfig(config("b")), interceptor.WithPlaces(func(policy.Place) (interceptor.Target, error) { return interceptor.Target{}, nil }),
		},
	} {
		if got := grpctest.MustPanic(t, func() { interceptor.New(opts...) }); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
