package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats/opentelemetry"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
)

// TestOtel_grpcsOwn: of the retries of a Retrier the instruments of grpc count none, and
// those of otelretry count all.
func TestOtel_grpcsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := sdkmetric.NewManualReader(), sdkmetric.NewManualReader()
		of := func(r sdkmetric.Reader) *sdkmetric.MeterProvider {
			return sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))
		}
		own := opentelemetry.DialOption(opentelemetry.Options{MetricsOptions: opentelemetry.MetricsOptions{
			MeterProvider: of(theirs), Metrics: opentelemetry.DefaultMetrics().Add("grpc.client.call.retries"),
		}})
		opts := interceptor.DialOptions(interceptor.WithRand(func() float64 { return 0 }), otelretry.Instrument(otelretry.WithMeterProvider(of(ours))))
		client := inMemory(t, &scripted{}, append([]grpc.DialOption{own}, opts...)...)
		if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "fails twice"}); err != nil {
			t.Fatal(err)
		}
		for want, reader := range map[int64]sdkmetric.Reader{0: theirs, 2: ours} {
			all, _ := collect(t, reader)
			var got int64
			if data, ok := all["grpc.client.call.retries"].Data.(metricdata.Histogram[int64]); ok {
				for _, p := range data.DataPoints {
					got += p.Sum
				}
			}
			if got != want {
				t.Errorf("%d retries are counted, want %d", got, want)
			}
		}
	})
}

// TestOtel_packageComment: the comment of otelretry names every metric and attribute.
func TestOtel_packageComment(t *testing.T) {
	comment, err := os.ReadFile("../../interceptor/otelretry/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		s := &scripted{}
		callAll(t, inMemory(t, s, interceptor.DialOptions(otelretry.Instrument(provider, otelretry.WithName("test")))...), s)
		all, _ := collect(t, reader)
		names := regexp.MustCompile(`\b(?:reinvoke|grpc)\.[a-z_.]+`).FindAllString(fmt.Sprintf("%+v", all), -1)
		for _, name := range names {
			if !bytes.Contains(comment, []byte(name)) && !strings.Contains(name, "grpc.health") {
				t.Errorf("the comment does not name %s", name)
			}
		}
		if len(names) < 30 {
			t.Errorf("%d names were seen, want at least 30", len(names))
		}
	})
}
