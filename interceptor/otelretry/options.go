package otelretry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// Option configures [Instrument].
type Option func(*config) error

// config is the result of the options.
type config struct {
	meters  metric.MeterProvider
	name    string
	methods func(string) bool
	spans   bool
}

// WithMeterProvider sets the destination of the metrics. The default is the global
// provider, otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) error {
		if p == nil {
			return errors.New("otelretry: WithMeterProvider: nil: want a metric.MeterProvider")
		}
		c.meters = p
		return nil
	}
}

// WithName gives the attribute reinvoke.name to all of Reinvoke's own metrics, for
// programs with several Retriers.
func WithName(name string) Option {
	return func(c *config) error {
		if name == "" {
			return errors.New(`otelretry: WithName: "": want a name`)
		}
		c.name = name
		return nil
	}
}

// WithMethods lets f add methods to the fixed set allowed as an attribute, beside the
// methods known from generated code. f gets full names, such as
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

// WithoutSpanEvents leaves the callers' spans unchanged.
func WithoutSpanEvents() Option {
	return func(c *config) error {
		c.spans = false
		return nil
	}
}
