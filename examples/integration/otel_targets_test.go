package integration_test

import (
	"context"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
)

// TestOtel_targets: the attempts and the call that went to a target name it, and others have
// no such attribute.
func TestOtel_targets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, spans := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
		elsewhere := interceptor.Target{Name: "elsewhere", Adapt: func(ctx context.Context, _ any) (context.Context, any, bool) {
			return ctx, &healthpb.HealthCheckRequest{Service: "fails twice"}, true
		}}
		r := interceptor.New(
			interceptor.WithRand(func() float64 { return 0 }), interceptor.WithTargets(elsewhere), interceptor.Repeatable(),
			otelretry.Instrument(otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))),
		)
		ctx, span := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("test").Start(t.Context(), "call")
		_, err := inMemory(t, &scripted{}, r.DialOptions()...).Check(ctx, &healthpb.HealthCheckRequest{Service: "refused once"})
		span.End()
		if err != nil {
			t.Fatal(err)
		}
		all, _ := collect(t, reader)
		for name, want := range map[string]map[string]int64{
			"reinvoke.attempts": {"": 1, "elsewhere": 2}, // refused, fails, and well
			"reinvoke.calls":    {"elsewhere": 1},
		} {
			got := map[string]int64{}
			for _, p := range all[name].Data.(metricdata.Sum[int64]).DataPoints {
				place, _ := p.Attributes.Value("reinvoke.target")
				got[place.AsString()] += p.Value
			}
			for place, n := range want {
				if got[place] != n || len(got) != len(want) {
					t.Errorf("%s: got %v, want %v", name, got, want)
				}
			}
		}
		var places []string
		for _, e := range spans.Ended()[0].Events() {
			set := attribute.NewSet(e.Attributes...)
			if e.Name == "reinvoke.attempt" {
				place, _ := set.Value("reinvoke.target")
				places = append(places, place.AsString())
			}
		}
		if len(places) != 2 || places[0] != "" || places[1] != "elsewhere" {
			t.Errorf("the failed attempts of the span were at %q", places)
		}
	})
}
