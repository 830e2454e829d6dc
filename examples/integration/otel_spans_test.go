package integration_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	oteltracing "google.golang.org/grpc/experimental/opentelemetry"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats/opentelemetry"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
)

// span is what a test compares of a span.
type span struct {
	Name, Parent, Status string
	Began, Took          time.Duration
	Attributes           map[string]any
	Events               []event
}

// event is what a test compares of an event of a span.
type event struct {
	Name       string
	At         time.Duration // since the test began
	Attributes map[string]any
}

func attributes(kvs []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// spans returns what was exported, in the order of its end.
func spans(stubs tracetest.SpanStubs, began time.Time) []span {
	names := map[string]string{}
	for _, s := range stubs {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	var all []span
	for _, s := range stubs {
		one := span{
			Name: s.Name, Parent: names[s.Parent.SpanID().String()], Status: s.Status.Code.String(),
			Began: s.StartTime.Sub(began), Took: s.EndTime.Sub(s.StartTime), Attributes: attributes(s.Attributes),
		}
		for _, e := range s.Events {
			if e.Name == "Outbound message" || e.Name == "Inbound message" || strings.HasPrefix(e.Name, "Delayed ") {
				continue // grpc's own
			}
			one.Events = append(one.Events, event{e.Name, e.Time.Sub(began), attributes(e.Attributes)})
		}
		all = append(all, one)
	}
	return all
}

// traced connects with grpc's own instruments before the Retrier.
func traced(t *testing.T, s *scripted, opts ...interceptor.Option) (healthpb.HealthClient, *tracetest.InMemoryExporter) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	own := opentelemetry.DialOption(opentelemetry.Options{
		TraceOptions: oteltracing.TraceOptions{TracerProvider: tracers, TextMapPropagator: propagation.TraceContext{}},
	})
	all := append([]interceptor.Option{
		interceptor.WithRand(func() float64 { return 0 }), otelretry.Instrument(otelretry.WithMeterProvider(meters)), interceptor.Repeatable(),
	}, opts...)
	return inMemory(t, s, append([]grpc.DialOption{own}, interceptor.DialOptions(all...)...)...), exporter
}

func failedAttempt(number int64, why string) map[string]any {
	return map[string]any{
		"reinvoke.attempt": number, "grpc.status": "UNAVAILABLE", "reinvoke.class": "Server", "reinvoke.rule": "overloaded",
		"reinvoke.reach": "Answered", "reinvoke.why": why, "reinvoke.duration": 0.1,
	}
}

// attemptSpan is grpc's own span of an attempt.
func attemptSpan(number int64, began time.Duration, status string) span {
	return span{
		Name: "Attempt.grpc.health.v1.Health.Check", Parent: "Sent.grpc.health.v1.Health.Check", Status: status,
		Began: began, Took: 100 * time.Millisecond, Attributes: map[string]any{"previous-rpc-attempts": number - 1, "transparent-retry": false},
	}
}

// TestOtel_spans: a call has one span, with its attempts as children and the events
// of the Retrier, whole.
func TestOtel_spans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		client, exporter := traced(t, s)
		began := time.Now()
		if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "fails twice"}); err != nil {
			t.Fatal(err)
		}
		const ms = time.Millisecond
		want := []span{
			attemptSpan(1, 0, "Error"), attemptSpan(2, 2100*ms, "Error"), attemptSpan(3, 6200*ms, "Ok"),
			{
				Name: "Sent.grpc.health.v1.Health.Check", Status: "Ok", Took: 6300 * ms, Attributes: map[string]any{},
				Events: []event{
					{"reinvoke.attempt", 100 * ms, failedAttempt(1, "backoff")},
					{"reinvoke.wait", 100 * ms, map[string]any{"reinvoke.attempt": int64(2), "reinvoke.wait": 2.0}},
					{"reinvoke.attempt", 2200 * ms, failedAttempt(2, "backoff")},
					{"reinvoke.wait", 2200 * ms, map[string]any{"reinvoke.attempt": int64(3), "reinvoke.wait": 4.0}},
				},
			},
		}
		if diff := cmp.Diff(want, spans(exporter.GetSpans(), began)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestOtel_spansOfWaits: one at the gate before the first attempt, and one that the
// caller broke off.
func TestOtel_spansOfWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		client, exporter := traced(t, s)
		if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "refused once"}, interceptor.MaxRetries(0)); err == nil {
			t.Fatal("it succeeded")
		}
		exporter.Reset()
		began := time.Now()
		if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "well"}); err != nil {
			t.Fatal(err)
		}
		events := func() []event { all := spans(exporter.GetSpans(), began); return all[len(all)-1].Events }
		want := []event{{"reinvoke.wait", 0, map[string]any{"reinvoke.attempt": int64(1), "reinvoke.wait": 10.0, "reinvoke.gate.wait": 10.0}}}
		if diff := cmp.Diff(want, events()); diff != "" {
			t.Errorf("at the gate (-want +got):\n%s", diff)
		}

		exporter.Reset()
		ctx, cancel := contextWithCancelAfter(t, time.Second)
		defer cancel()
		began = time.Now()
		_, _ = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "fails"})
		want = []event{
			{"reinvoke.attempt", 100 * time.Millisecond, failedAttempt(1, "backoff")},
			{"reinvoke.wait", 100 * time.Millisecond, map[string]any{"reinvoke.attempt": int64(2), "reinvoke.wait": 0.9}},
		}
		if diff := cmp.Diff(want, events()); diff != "" {
			t.Errorf("broken off (-want +got):\n%s", diff)
		}
	})
}

// TestOtel_withoutSpanEvents: the span is left alone.
func TestOtel_withoutSpanEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)).Tracer("test")
		meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		s := &scripted{}
		client := inMemory(t, s, interceptor.DialOptions(otelretry.Instrument(otelretry.WithMeterProvider(meters), otelretry.WithoutSpanEvents()))...)
		ctx, span := tracer.Start(t.Context(), "caller")
		_, _ = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "fails twice"})
		span.End()
		if events := exporter.GetSpans()[0].Events; len(events) != 0 {
			t.Errorf("the span has events: %v", events)
		}
	})
}
