package gemini

import (
	"context"

	"github.com/reinvoke/reinvoke/interceptor"
)

// probeKey is where a context keeps its probe.
type probeKey struct{}

// WithProbe returns a context whose calls are watched by probe. The library
// knows one observer for each connection; the context of a call tells it which
// call an event is about.
func WithProbe(ctx context.Context, probe func(interceptor.Event)) context.Context {
	return context.WithValue(ctx, probeKey{}, probe)
}

// Observe is the observer of every connection here: it hands each event to
// the probe in the context of its call.
func Observe(ctx context.Context, e interceptor.Event) {
	if probe, ok := ctx.Value(probeKey{}).(func(interceptor.Event)); ok {
		probe(e)
	}
}
