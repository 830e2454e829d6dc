package interceptor

import (
	"errors"
	"fmt"
	"slices"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy"
)

// WithPlaces says which targets the places of a Config become, so that a policy file can
// name models and regions (policy.Config.Targets): google.Places does so for Gemini and
// Vertex AI. The targets of the file come after those of the connection's [WithTargets].
//
// New panics if f returns an error for a place of its Config. With [WithLive], a place of a
// later Config that f knows nothing about is logged and left out. Without WithPlaces a
// Config with targets is an error. f must be safe for concurrent use.
func WithPlaces(f func(policy.Place) (Target, error)) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithPlaces: nil function: want one that returns the target of a place"))
			return
		}
		c.r.places.target = f
	})
}

// places turns the places of Configs into targets.
type places struct {
	target func(policy.Place) (Target, error) // nil without WithPlaces
}

// named holds the targets of a Config.
type named struct {
	config *policy.Config
	all    []Target            // those of the connection, and of the Config as a whole
	of     map[string][]Target // by the pattern of a section
}

// targetsOf returns the targets of the connection and of the Config in force, for calls of
// a method with this section.
func (r *Retrier) targetsOf(cfg *policy.Config, section *policy.Method) []Target {
	n := r.named.Load()
	if n == nil || n.config != cfg {
		var err error
		n, err = r.name(cfg)
		r.warnOfPlaces(err)
		r.named.Store(n)
	}
	if section != nil && section.Targets != nil {
		return n.of[section.Pattern]
	}
	return n.all
}

// name finds the targets of all places of a Config. Places with an error are left out.
func (r *Retrier) name(cfg *policy.Config) (*named, error) {
	n := &named{config: cfg, all: r.base.targets, of: map[string][]Target{}}
	errs := []error{nil}
	add := func(targets []Target, places []policy.Place) []Target {
		all := slices.Clip(targets)
		for _, p := range places {
			t, err := r.targetOf(p)
			if errs = append(errs, err); err == nil && !slices.ContainsFunc(all, func(other Target) bool { return other.Name == t.Name }) {
				all = append(all, t)
			}
		}
		return all
	}
	n.all = add(n.all, cfg.Targets)
	for i := range cfg.Methods {
		if m := &cfg.Methods[i]; m.Targets != nil {
			n.of[m.Pattern] = add(nil, m.Targets)
		}
	}
	return n, errors.Join(errs...)
}

// targetOf returns the target of a place.
func (r *Retrier) targetOf(p policy.Place) (Target, error) {
	if r.places.target == nil {
		return Target{}, fmt.Errorf("interceptor: the Config has the target %v: want WithPlaces, which says what that is, such as google.Places", p)
	}
	t, err := r.places.target(p)
	if err == nil {
		err = faultOf([]Target{t})
	}
	if err != nil {
		return Target{}, fmt.Errorf("interceptor: WithPlaces: %v: %w", p, err)
	}
	return t, nil
}

// warnOfPlaces logs places that are left out.
func (r *Retrier) warnOfPlaces(err error) {
	if err != nil {
		r.logs.logOfNone(logging.LevelError, "[RETRY] a target of the configuration is left out: "+foreign.Text(err.Error()))
	}
}
