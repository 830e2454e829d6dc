package otelretry

import (
	"context"
	"errors"
	"runtime"
	"weak"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/reinvoke/reinvoke/interceptor"
)

// scope is the name of the meter.
const scope = "github.com/reinvoke/reinvoke/interceptor/otelretry"

// Instrument returns the option for a Retrier to report to OpenTelemetry. Instrument
// panics with the error of an invalid option, because an invalid option is the
// programmer's mistake. An error of the SDK goes to the SDK's error handler
// (otel.Handle) and stops no calls.
func Instrument(opts ...Option) interceptor.Option {
	c := config{meters: otel.GetMeterProvider(), methods: func(string) bool { return false }, spans: true}
	var errs []error
	for _, o := range opts {
		if o != nil {
			errs = append(errs, o(&c))
		}
	}
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
	meter := c.meters.Meter(scope)
	m := newMetrics(meter, &c)
	all := []interceptor.Option{
		interceptor.WithObserver(m.observe),
		interceptor.WithGateObserver(m.observeGate),
		interceptor.WithSetup(func(r *interceptor.Retrier) { watch(r, meter, c.own()) }),
	}
	if c.spans {
		all = append(all, interceptor.WithObserver(addEvents))
	}
	return interceptor.Options(all...)
}

// own returns the attributes of all of Reinvoke's own metrics.
func (c *config) own() []attribute.KeyValue {
	if c.name == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String("reinvoke.name", c.name)}
}

// must returns the instrument and hands an error of the SDK to the error handler.
func must[T any](instrument T, err error) T {
	if err != nil {
		otel.Handle(err)
	}
	return instrument
}

// watch makes every collection of metrics read the gauges of a Retrier, as long as
// the Retrier exists.
func watch(r *interceptor.Retrier, meter metric.Meter, own []attribute.KeyValue) {
	tokens := must(meter.Float64ObservableGauge("reinvoke.budget.tokens", metric.WithUnit("{token}"),
		metric.WithDescription("Tokens that the budget of retries holds.")))
	gates := must(meter.Int64ObservableGauge("reinvoke.gates", metric.WithUnit("{gate}"),
		metric.WithDescription("Gates of quotas that calls were refused by.")))
	waiting := must(meter.Int64ObservableGauge("reinvoke.gate.waiting", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that wait at gates.")))
	wouldHold := must(meter.Int64ObservableCounter("reinvoke.gate.would_hold", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that gates would have held or turned away but for a dry run.")))
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, own...)...))
	}
	held, earned := with(attribute.String("reinvoke.account", "tokens")), with(attribute.String("reinvoke.account", "earned"))
	closed, probing, open := with(stateKey.String("closed")), with(stateKey.String("probing")), with(stateKey.String("open"))
	all := with()
	inVain, rightly := with(attribute.Bool("reinvoke.gate.in_vain", true)), with(attribute.Bool("reinvoke.gate.in_vain", false))

	there := weak.Make(r)
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		r := there.Value()
		if r == nil {
			return nil
		}
		if b := r.Budget(); b != nil {
			t, e := b.Held()
			o.ObserveFloat64(tokens, t, held)
			o.ObserveFloat64(tokens, e, earned)
		}
		n := r.Gates()
		o.ObserveInt64(gates, int64(n.Closed), closed)
		o.ObserveInt64(gates, int64(n.Probing), probing)
		o.ObserveInt64(gates, int64(n.Open), open)
		o.ObserveInt64(waiting, int64(n.Waiting), all)
		if n.WouldHold > 0 {
			o.ObserveInt64(wouldHold, int64(n.InVain), inVain)
			o.ObserveInt64(wouldHold, int64(n.WouldHold-n.InVain), rightly)
		}
		return nil
	}, tokens, gates, waiting, wouldHold)
	if err != nil {
		otel.Handle(err)
		return
	}
	runtime.AddCleanup(r, func(registration metric.Registration) { _ = registration.Unregister() }, registration)
}
