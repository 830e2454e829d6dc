package otelretry

import (
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// The attributes.
const (
	methodKey  = attribute.Key("grpc.method")
	targetKey  = attribute.Key("grpc.target")
	outcomeKey = attribute.Key("reinvoke.outcome")
	classKey   = attribute.Key("reinvoke.class")
	ruleKey    = attribute.Key("reinvoke.rule")
	placeKey   = attribute.Key("reinvoke.target")
	stateKey   = attribute.Key("reinvoke.gate.state")
)

// metrics are the instruments for recording events.
type metrics struct {
	config *config

	retries, hedges metric.Int64Histogram
	delay           metric.Float64Histogram

	calls, attempts, changes metric.Int64Counter
	gateWait                 metric.Float64Histogram

	sets sync.Map // from series to metric.MeasurementOption: attributes are sorted once
}

func newMetrics(meter metric.Meter, c *config) *metrics {
	few := metric.WithExplicitBucketBoundaries(1, 2, 3, 4, 5) // gRFC A96
	return &metrics{
		config: c,
		retries: must(meter.Int64Histogram("grpc.client.call.retries", metric.WithUnit("{retry}"), few,
			metric.WithDescription("Number of retries during the client call. If there were no retries, 0 is not reported."))),
		hedges: must(meter.Int64Histogram("grpc.client.call.hedges", metric.WithUnit("{hedge}"), few,
			metric.WithDescription("Number of hedges during the client call. If there were no hedges, 0 is not reported."))),
		delay: must(meter.Float64Histogram("grpc.client.call.retry_delay", metric.WithUnit("s"), latencies(),
			metric.WithDescription("Total time of delay while there is no active attempt during the client call."))),
		calls: must(meter.Int64Counter("reinvoke.calls", metric.WithUnit("{call}"),
			metric.WithDescription("Calls that ended, by how they did."))),
		attempts: must(meter.Int64Counter("reinvoke.attempts", metric.WithUnit("{attempt}"),
			metric.WithDescription("Attempts that ended, by the class of their failure and the rule that found it."))),
		changes: must(meter.Int64Counter("reinvoke.gate.changes", metric.WithUnit("{change}"),
			metric.WithDescription("Gates that closed, began to probe or reopened."))),
		gateWait: must(meter.Float64Histogram("reinvoke.gate.wait", metric.WithUnit("s"), latencies(),
			metric.WithDescription("Time that a call has waited at a gate. If it did not, 0 is not reported."))),
	}
}

// latencies are the bucket boundaries of gRFC A66, in seconds.
func latencies() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(
		0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013, 0.016,
		0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
	)
}

// observe records an event of a call.
func (m *metrics) observe(ctx context.Context, e interceptor.Event) {
	method := m.method(&e)
	if e.Outcome == interceptor.Pending {
		s := series{method: method, target: e.Target, class: e.Failure.Class, rule: e.Failure.Rule, of: ofAttempt, place: e.TargetName}
		m.attempts.Add(ctx, 1, m.set(s))
		return
	}
	m.calls.Add(ctx, 1, m.set(series{method: method, target: e.Target, outcome: e.Outcome, of: ofCall, place: e.TargetName}))
	if e.Gated > 0 {
		m.gateWait.Record(ctx, e.Gated.Seconds(), m.set(series{method: method, target: e.Target, of: ofWait}))
	}
	if e.Target == "" { // a function of Do is no client call
		return
	}
	both := series{method: method, target: e.Target}
	if n := e.Attempt - 1 - e.Hedges; n > 0 {
		m.retries.Record(ctx, int64(n), m.set(both))
		m.delay.Record(ctx, e.Waited.Seconds(), m.set(both))
	}
	if e.Hedges > 0 {
		m.hedges.Record(ctx, int64(e.Hedges), m.set(both))
	}
}

// observeGate records the change of a gate, without the gate's key.
func (m *metrics) observeGate(e interceptor.GateEvent) {
	attrs := append(m.config.own(), stateKey.String(e.State.String()))
	m.changes.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(attrs...)))
}

// method returns the attribute for the event's method: the name, or "other" outside a
// fixed set.
func (m *metrics) method(e *interceptor.Event) string {
	if !e.Static && !linked(e.Method) && !m.config.methods(e.Method) {
		return "other"
	}
	return strings.TrimPrefix(e.Method, "/")
}

// linked reports whether the proto of a method is linked into the program. An
// invented name has none.
func linked(method string) bool {
	name := protoreflect.FullName(strings.Replace(strings.TrimPrefix(method, "/"), "/", ".", 1))
	if !name.IsValid() {
		return false
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return false
	}
	_, ok := d.(protoreflect.MethodDescriptor)
	return ok
}

// series holds the attribute values of a measurement.
type series struct {
	method, target string
	of             subject
	outcome        interceptor.Outcome
	class          codes.Class
	rule           string
	place          string // the Target of WithTargets; empty for none
}

// subject is the kind of a measurement and decides the attributes.
type subject uint8

const (
	ofGRPC subject = iota // only the attributes of gRFC A96
	ofCall
	ofAttempt
	ofWait
)

// set returns the attributes of a series.
func (m *metrics) set(s series) metric.MeasurementOption {
	if known, ok := m.sets.Load(s); ok {
		return known.(metric.MeasurementOption) //nolint:forcetypeassert // nothing else is stored
	}
	attrs := []attribute.KeyValue{methodKey.String(s.method), targetKey.String(s.target)}
	if s.of != ofGRPC {
		attrs = append(attrs, m.config.own()...)
	}
	if s.place != "" {
		attrs = append(attrs, placeKey.String(s.place))
	}
	switch s.of {
	case ofCall:
		attrs = append(attrs, outcomeKey.String(s.outcome.String()))
	case ofAttempt:
		rule := s.rule
		if rule == "" {
			rule = "none"
		}
		attrs = append(attrs, classKey.String(s.class.String()), ruleKey.String(rule))
	case ofGRPC, ofWait:
	}
	known, _ := m.sets.LoadOrStore(s, metric.WithAttributeSet(attribute.NewSet(attrs...)))
	return known.(metric.MeasurementOption) //nolint:forcetypeassert // as above
}
