package otelretry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// Option configures [Instrument].
type Option func(*config) error

// config is what the options have said.
type config struct {
	meters  metric.MeterProvider
	name    string
	methods func(string) bool
	spans   bool
}

// WithMeterProvider sets where metrics go. The default is the global provider,
// otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) error {
		if p == nil {
			return errors.New("otelretry: WithMeterProvider: nil: want a metric.MeterProvider")
		}
		c.meters = p
		return nil
	}
}

// WithName gives the attribute reinvoke.name to all metrics of our own: for programs
// with several Retriers.
func WithName(name string) Option {
	return func(c *config) error {
		if name == "" {
			return errors.New(`otelretry: WithName: "": want a name`)
		}
		c.name = name
		return nil
	}
}

// WithMethods has f say which methods are of a fixed set, and so may be an attribute,
// beside those that generated code says it of. f is given full names, as
// "/package.Service/Method", and must be safe for concurrent use.
func WithMethods(f func(method string) bool) Option {
	return func(c *config) error {
		if f == nil {
			return errors.New("otelretry: WithMethods: nil: want a function")
		}
		c.methods = f
		return nil
	}
}

// WithoutSpanEvents leaves the spans of callers alone.
func WithoutSpanEvents() Option {
	return func(c *config) error {
		c.spans = false
		return nil
	}
}
