// Command telemetry plays the demo's script of failures with the official Gemini client,
// again and again, and serves the metrics of its retries to Prometheus on loopback:
//
//	go run ./telemetry                        # and then: curl 127.0.0.1:9464/metrics
//	go run ./telemetry -rounds 1              # plays it once, and prints the metrics
//	go run ./telemetry -rounds 20 -picture ../../interceptor/otelretry/dashboard.svg
//
// Import interceptor/otelretry/dashboard.json into Grafana to look at the metrics. With
// -picture the command draws the panels of that dashboard from its own metrics, by
// Prometheus's own query engine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/demo"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "telemetry:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("telemetry", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:9464", "the `address` to serve metrics at")
	rounds := fs.Int("rounds", 0, "how `often` to play the script; 0 for ever")
	picture := fs.String("picture", "", "the `file` to draw the panels of the dashboard to")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case *rounds < 0:
		return fmt.Errorf("-rounds %d: want 0 or more", *rounds)
	case *picture != "" && *rounds == 0:
		return errors.New("-picture: want -rounds with it")
	}

	registry, instrument, err := instruments()
	if err != nil {
		return err
	}
	address, stop, err := serve(ctx, *listen, registry)
	if err != nil {
		return err
	}
	defer stop()
	_, _ = fmt.Fprintf(out, "metrics at http://%s/metrics\n", address)

	h := newHistory(registry)
	watching, done := context.WithCancel(ctx)
	defer done()
	go h.watch(watching, time.Second)
	if err := demo.Play(ctx, newClient, io.Discard, *rounds, instrument); err != nil {
		return err
	}
	done()
	if *picture != "" {
		return draw(ctx, h, *picture)
	}
	return copyPage(ctx, out, "http://"+address+"/metrics")
}

// newClient returns the official Gemini client with retries.
func newClient(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error) {
	client, err := generativelanguage.NewGenerativeClient(ctx, append(gapic.ClientOptions(append(opts, interceptor.WithObserver(gemini.Observe))...), where...)...)
	if err != nil {
		return nil, err
	}
	gapic.DisableRetry(client.CallOptions)
	return client, nil
}

// instruments returns a registry of metrics and the option reporting to the registry.
func instruments() (*prometheus.Registry, interceptor.Option, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, nil, err
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	return registry, otelretry.Instrument(otelretry.WithMeterProvider(meters)), nil
}

// serve serves the metrics until stop is called.
func serve(ctx context.Context, address string, registry *prometheus.Registry) (at string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with stop
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}

// copyPage writes the page at url to out.
func copyPage(ctx context.Context, out io.Writer, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	_, err = io.Copy(out, answer.Body)
	return err
}
