package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
	"github.com/reinvoke/reinvoke/policy"
)

// flaky is a health service that fails the first attempt of every call.
type flaky struct {
	healthpb.UnimplementedHealthServer
	calls int
}

func (f *flaky) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if f.calls++; f.calls%2 == 1 {
		return nil, status.Error(grpccodes.Unavailable, "The model is overloaded.")
	}
	return &healthpb.HealthCheckResponse{}, nil
}

// The metrics of a Retrier as Prometheus reads them: the SDK of OpenTelemetry with
// its exporter for Prometheus, served over HTTP.
func Example_prometheus() {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		fmt.Println(err)
		return
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	metrics := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer metrics.Close()

	conn, stop := connect(&flaky{},
		otelretry.Instrument(otelretry.WithMeterProvider(meters)),
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Millisecond, Max: time.Millisecond, Multiplier: 1}),
	)
	defer stop()
	for range 3 {
		if _, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{}); err != nil {
			fmt.Println(err)
		}
	}

	text := get(metrics.URL)
	for line := range strings.Lines(strings.ReplaceAll(text, conn.CanonicalTarget(), "dns:///health:50051")) {
		if !strings.Contains(line, "retry_delay") && !strings.HasPrefix(line, "# HELP") {
			fmt.Print(line)
		}
	}
	// Output:
	// # TYPE grpc_client_call_retries histogram
	// grpc_client_call_retries_bucket{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",le="1"} 3
	// grpc_client_call_retries_bucket{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",le="2"} 3
	// grpc_client_call_retries_bucket{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",le="3"} 3
	// grpc_client_call_retries_bucket{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",le="4"} 3
	// grpc_client_call_retries_bucket{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",le="5"} 3
	// grpc_client_call_retries_bucket{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",le="+Inf"} 3
	// grpc_client_call_retries_sum{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051"} 3
	// grpc_client_call_retries_count{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051"} 3
	// # TYPE reinvoke_attempts_total counter
	// reinvoke_attempts_total{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",reinvoke_class="None",reinvoke_rule="none"} 3
	// reinvoke_attempts_total{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",reinvoke_class="Server",reinvoke_rule="overloaded"} 3
	// # TYPE reinvoke_budget_tokens gauge
	// reinvoke_budget_tokens{reinvoke_account="earned"} 0.3
	// reinvoke_budget_tokens{reinvoke_account="tokens"} 100
	// # TYPE reinvoke_calls_total counter
	// reinvoke_calls_total{grpc_method="grpc.health.v1.Health/Check",grpc_target="dns:///health:50051",reinvoke_outcome="recovered"} 3
	// # TYPE reinvoke_gate_waiting gauge
	// reinvoke_gate_waiting 0
	// # TYPE reinvoke_gates gauge
	// reinvoke_gates{reinvoke_gate_state="closed"} 0
	// reinvoke_gates{reinvoke_gate_state="open"} 0
	// reinvoke_gates{reinvoke_gate_state="probing"} 0
}

// get reads a page.
func get(url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err.Error()
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// BenchmarkInstrument: what reporting adds to a call that succeeds at once.
func BenchmarkInstrument(b *testing.B) {
	for _, tt := range []struct {
		name string
		opts []interceptor.Option
	}{
		{"without", nil},
		{"observed", []interceptor.Option{interceptor.WithObserver(func(context.Context, interceptor.Event) {})}},
		{"instrumented", []interceptor.Option{
			otelretry.Instrument(otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())))),
		}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			call := interceptor.UnaryClientInterceptor(tt.opts...)
			answer := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
			opts := slices.Clip([]grpc.CallOption{grpc.StaticMethod()})
			b.ReportAllocs()
			for b.Loop() {
				_ = call(b.Context(), "/a.S/M", nil, nil, nil, answer, opts...)
			}
		})
	}
}
