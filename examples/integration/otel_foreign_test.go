package integration_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
)

// talkative refuses every call, with a text wherever a server may put one.
type talkative struct {
	healthpb.UnimplementedHealthServer
	text string
}

func (s talkative) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	st, err := status.New(grpccodes.ResourceExhausted, s.text).WithDetails(
		&errdetails.ErrorInfo{Reason: s.text, Domain: s.text, Metadata: map[string]string{"quota_limit": s.text}},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: s.text, QuotaMetric: s.text}}},
	)
	if err != nil {
		return nil, err
	}
	return nil, st.Err()
}

// TestOtel_noTextOfTheServer: whatever a server says, attributes and names are the same.
func TestOtel_noTextOfTheServer(t *testing.T) {
	told := func(text string) (metrics map[string]metricdata.Metrics, events []event) {
		synctest.Test(t, func(t *testing.T) {
			exporter, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
			tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
			meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
			client := inMemory(t, talkative{text: text}, interceptor.DialOptions(
				interceptor.WithRand(func() float64 { return 0 }), interceptor.Repeatable(), interceptor.MaxRetries(1),
				otelretry.Instrument(otelretry.WithMeterProvider(meters)),
			)...)
			began := time.Now()
			ctx, span := tracers.Tracer("test").Start(t.Context(), "a call")
			if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{}); err == nil {
				t.Error("got no error")
			}
			span.End()
			metrics, _ = collect(t, reader)
			for _, s := range spans(exporter.GetSpans(), began) {
				events = append(events, s.Events...)
			}
		})
		return metrics, events
	}
	metrics, events := told("quota")
	nastyMetrics, nastyEvents := told(strings.Repeat("bad \n\x1b[31mred\x00\u202e ", 1<<10))
	if len(events) != 3 {
		t.Errorf("got %d events, want two attempts and a wait", len(events))
	}
	if diff := cmp.Diff(events, nastyEvents); diff != "" {
		t.Errorf("events (-usual +nasty):\n%s", diff)
	}
	series := func(all map[string]metricdata.Metrics) map[string]bool {
		found := map[string]bool{}
		for _, name := range []string{"reinvoke.calls", "reinvoke.attempts", "reinvoke.gate.changes"} {
			sum, _ := all[name].Data.(metricdata.Sum[int64])
			for _, p := range sum.DataPoints {
				found[name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = true
			}
		}
		return found
	}
	if diff := cmp.Diff(series(metrics), series(nastyMetrics)); diff != "" || len(series(metrics)) < 2 {
		t.Errorf("series (-usual +nasty):\n%s", diff)
	}
}
