package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// server is a health service that is asked by a name how to fail.
type server struct {
	healthpb.UnimplementedHealthServer
	attempts atomic.Int32 // of the call
}

func (s *server) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	n := s.attempts.Add(1)
	switch in.GetService() {
	case "busy once":
		if n == 1 {
			return nil, status.Error(grpccodes.Unavailable, "busy")
		}
	case "busy":
		return nil, status.Error(grpccodes.Unavailable, "busy")
	case "refused":
		if n == 1 {
			return nil, status.Error(grpccodes.ResourceExhausted, "Quota exceeded. Please retry in 2s.")
		}
	case "slow once":
		if n == 1 {
			<-ctx.Done()
		}
	case "wrong":
		return nil, status.Error(grpccodes.InvalidArgument, "wrong")
	}
	return &healthpb.HealthCheckResponse{}, nil
}

// feed makes calls of every kind for ten minutes, with a sample of the metrics every
// ten seconds.
func feed(t *testing.T, instrument interceptor.Option, h *history) {
	t.Helper()
	s := &server{}
	srv := grpc.NewServer()
	healthpb.RegisterHealthServer(srv, s)
	opts := interceptor.DialOptions(instrument, interceptor.WithGate(policy.FleetGate()), interceptor.Repeatable())
	client := healthpb.NewHealthClient(grpctest.ConnectAs(t, "passthrough:///health", srv, opts...))
	check := func(name string, opts ...interceptor.CallOption) {
		s.attempts.Store(0)
		_, _ = client.Check(interceptor.NewContext(t.Context(), opts...), &healthpb.HealthCheckRequest{Service: name})
	}
	check("refused") // the first call of all: nothing says that it is chance, and the gate closes
	until := time.Now().Add(10 * time.Minute)
	for time.Now().Before(until) {
		check("well")
		check("busy once")
		check("busy", interceptor.MaxRetries(1))
		check("refused")
		check("slow once", interceptor.WithHedge(100*time.Millisecond, 2))
		check("wrong")
		time.Sleep(time.Second)
		if err := h.scrape(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDashboard_panels: every query of every panel is understood by Prometheus and
// finds something, and the ratios are right.
func TestDashboard_panels(t *testing.T) {
	d, err := readDashboard("../" + dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	registry, instrument, err := instruments()
	if err != nil {
		t.Fatal(err)
	}
	h := newHistory(registry)
	synctest.Test(t, func(t *testing.T) { feed(t, instrument, h) })
	engine := newEngine()
	known := map[string]bool{}
	for _, s := range h.series {
		known[s.labels.Get("__name__")] = true
	}
	metric := regexp.MustCompile(`\b(?:reinvoke|grpc)_\w+`)
	for _, p := range d.Panels {
		for i := range p.Targets {
			one := p
			one.Targets = p.Targets[i : i+1]
			lines, err := h.evaluate(t.Context(), engine, one, 10*time.Second)
			if err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
			if len(lines) == 0 || len(lines[0].points) < 10 || lines[0].name == "" {
				t.Errorf("%s: %s finds nothing", p.Title, one.Targets[0].Expr)
			}
			for _, name := range metric.FindAllString(regexp.MustCompile(`\{[^}]*\}|by \([^)]*\)`).ReplaceAllString(one.Targets[0].Expr, ""), -1) {
				if !known[name] {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
			}
		}
		if len(p.Description) < 10 {
			t.Errorf("%s: no description", p.Title)
		}
	}
	for title, want := range map[string]map[string]float64{
		"Success of calls":                   {"with retries": 4. / 6, "first try": 1. / 6},
		"Retries of calls that were retried": {"retries": 1, "hedges": 1},
		"Attempts per call":                  {"attempts": 9. / 6},
	} {
		i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == title })
		lines, err := h.evaluate(t.Context(), engine, d.Panels[i], 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, l := range lines {
			got[l.name] = l.points[len(l.points)/2].F
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a-b < 0.02 && b-a < 0.02 })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
}

// TestDashboard_picture has the panels of the dashboard.
func TestDashboard_picture(t *testing.T) {
	d, err := readDashboard("../" + dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile("../../../interceptor/otelretry/dashboard.svg")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range d.Panels {
		want = append(want, p.Title)
	}
	for _, m := range regexp.MustCompile(`font-weight="bold">([^<]*)<`).FindAllStringSubmatch(string(picture), -1) {
		got = append(got, m[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("draw it anew with -picture (-want +got):\n%s", diff)
	}
	if strings.Contains(string(picture), ">nothing<") {
		t.Error("a panel of the picture is empty")
	}
}

// TestRun_playsAndServes: the script of the demo, once, and its metrics in full.
func TestRun_playsAndServes(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-rounds", "1"}, &out); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, m := range regexp.MustCompile(`(?m)^reinvoke_calls_total\{grpc_method="google.ai.generativelanguage.v1beta.GenerativeService/\w+".*\} (\d+)$`).FindAllStringSubmatch(out.String(), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		calls += n
	}
	if calls != 23+24 {
		t.Errorf("%d calls, want the 23 of the script, and the 24 of its crowd:\n%s", calls, out.String())
	}
	for _, name := range []string{"grpc_client_call_retries_bucket", "reinvoke_attempts_total", "reinvoke_budget_tokens", "reinvoke_gates"} {
		if !strings.Contains(out.String(), "\n"+name+"{") {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestServe_onLoopback: the text that Prometheus reads.
func TestServe_onLoopback(t *testing.T) {
	registry, instrument, err := instruments()
	if err != nil {
		t.Fatal(err)
	}
	_ = interceptor.New(instrument).Do(t.Context(), "f", func(context.Context) error { return nil })
	address, stop, err := serve(t.Context(), "127.0.0.1:0", registry)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(answer.Body)
	if want := `reinvoke_calls_total{grpc_method="f",grpc_target="",reinvoke_outcome="first-try"} 1`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%v, %s\nwant %s", err, text, want)
	}
}

func TestRun_misuse(t *testing.T) {
	for want, args := range map[string][]string{
		"-rounds -1: want 0 or more":     {"-rounds", "-1"},
		"-picture: want -rounds with it": {"-picture", filepath.Join(t.TempDir(), "x.svg")},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
