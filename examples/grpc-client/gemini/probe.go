package gemini

import (
	"context"

	"github.com/reinvoke/reinvoke/interceptor"
)

// probeKey is the key of a probe in a context.
type probeKey struct{}

// WithProbe returns a context with a probe for the events of a call. A connection
// has one observer for all calls; the context of a call leads from an event to
// the call.
func WithProbe(ctx context.Context, probe func(interceptor.Event)) context.Context {
	return context.WithValue(ctx, probeKey{}, probe)
}

// Observe is the observer of every connection here: Observe hands each event to
// the probe in the context of the call.
func Observe(ctx context.Context, e interceptor.Event) {
	if probe, ok := ctx.Value(probeKey{}).(func(interceptor.Event)); ok {
		probe(e)
	}
}
