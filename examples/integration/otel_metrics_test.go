package integration_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/otelretry"
)

const (
	checkName = "grpc.health.v1.Health/Check"
	watchName = "grpc.health.v1.Health/Watch"
	target    = "passthrough:///health"
)

// collect returns what a meter provider holds, by name, and its only scope.
func collect(t *testing.T, reader sdkmetric.Reader) (all map[string]metricdata.Metrics, scope string) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	all = map[string]metricdata.Metrics{}
	for _, s := range rm.ScopeMetrics {
		scope = s.Scope.Name
		for _, m := range s.Metrics {
			all[m.Name] = m
		}
	}
	return all, scope
}

// of is a set of attributes: method and target, and pairs of others.
func of(method string, more ...string) attribute.Set {
	attrs := []attribute.KeyValue{attribute.String("grpc.method", method), attribute.String("grpc.target", target)}
	for i := 0; i < len(more); i += 2 {
		attrs = append(attrs, attribute.String(more[i], more[i+1]))
	}
	return attribute.NewSet(attrs...)
}

// observed is a point of a histogram that these values were recorded in.
func observed[N int64 | float64](set attribute.Set, bounds []float64, values ...N) metricdata.HistogramDataPoint[N] {
	p := metricdata.HistogramDataPoint[N]{
		Attributes: set, Count: uint64(len(values)), Bounds: bounds, BucketCounts: make([]uint64, len(bounds)+1),
		Min: metricdata.NewExtrema(slices.Min(values)), Max: metricdata.NewExtrema(slices.Max(values)),
	}
	for _, v := range values {
		i, _ := slices.BinarySearch(bounds, float64(v))
		p.BucketCounts[i]++
		p.Sum += v
	}
	return p
}

func histogram[N int64 | float64](points ...metricdata.HistogramDataPoint[N]) metricdata.Histogram[N] {
	return metricdata.Histogram[N]{Temporality: metricdata.CumulativeTemporality, DataPoints: points}
}

func counter(points ...metricdata.DataPoint[int64]) metricdata.Sum[int64] {
	return metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: points}
}

func counted(n int64, set attribute.Set) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Attributes: set, Value: n}
}

// latencyBounds are the buckets of gRFC A66.
var latencyBounds = []float64{
	0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013, 0.016,
	0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
}

// callAll makes the calls that the metrics are about.
func callAll(t *testing.T, client healthpb.HealthClient, s *scripted) {
	t.Helper()
	check := func(name string, opts ...interceptor.CallOption) {
		s.attempts.Store(0)
		ctx := interceptor.NewContext(t.Context(), append(opts, interceptor.Repeatable())...)
		_, _ = client.Check(ctx, &healthpb.HealthCheckRequest{Service: name})
	}
	check("well")
	check("well")
	check("fails twice")
	check("fails", interceptor.MaxRetries(1))
	check("wrong")
	check("slow once", interceptor.WithHedge(time.Second, 3))
	check("refused once")
	s.attempts.Store(0)
	stream, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	s.attempts.Store(0)
	_, _ = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "slow once"})
}

// TestOtel_metrics: names, units, attributes, buckets and values, whole.
func TestOtel_metrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		r := interceptor.New(
			interceptor.WithRand(func() float64 { return 0 }),
			otelretry.Instrument(otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), otelretry.WithName("test")),
		)
		s := &scripted{}
		callAll(t, inMemory(t, s, r.DialOptions()...), s)
		n := 0
		_ = r.Do(t.Context(), "a-function", func(context.Context) error { // no client call, and so none of gRFC A96
			if n++; n == 1 {
				return status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
			}
			return nil
		})

		got, scope := collect(t, reader)
		if want := "github.com/reinvoke/reinvoke/interceptor/otelretry"; scope != want {
			t.Errorf("the scope is %q, want %q", scope, want)
		}
		few := []float64{1, 2, 3, 4, 5}
		own := func(method string, more ...string) attribute.Set {
			return of(method, append(more, "reinvoke.name", "test")...)
		}
		outcome := func(n int64, method, name string) metricdata.DataPoint[int64] {
			return counted(n, own(method, "reinvoke.outcome", name))
		}
		attempt := func(n int64, method, class, rule string) metricdata.DataPoint[int64] {
			return counted(n, own(method, "reinvoke.class", class, "reinvoke.rule", rule))
		}
		plain := func(more ...string) attribute.Set {
			attrs := []attribute.KeyValue{attribute.String("reinvoke.name", "test")}
			for i := 0; i < len(more); i += 2 {
				attrs = append(attrs, attribute.String(more[i], more[i+1]))
			}
			return attribute.NewSet(attrs...)
		}
		function := func(more ...string) attribute.Set {
			return attribute.NewSet(attribute.String("grpc.method", "a-function"), attribute.String("grpc.target", ""),
				attribute.String("reinvoke.name", "test"), attribute.String(more[0], more[1]), attribute.String(more[2], more[3]))
		}
		state := func(n int64, name string) metricdata.DataPoint[int64] {
			return counted(n, plain("reinvoke.gate.state", name))
		}
		want := []metricdata.Metrics{
			{
				Name: "grpc.client.call.retries", Unit: "{retry}",
				Description: "Number of retries during the client call. If there were no retries, 0 is not reported.",
				Data:        histogram(observed[int64](of(checkName), few, 2, 1, 1), observed[int64](of(watchName), few, 1)),
			},
			{
				Name: "grpc.client.call.hedges", Unit: "{hedge}",
				Description: "Number of hedges during the client call. If there were no hedges, 0 is not reported.",
				Data:        histogram(observed[int64](of(checkName), few, 1)),
			},
			{
				Name: "grpc.client.call.retry_delay", Unit: "s",
				Description: "Total time of delay while there is no active attempt during the client call.",
				Data:        histogram(observed(of(checkName), latencyBounds, 6.0, 2.0, 10.0), observed(of(watchName), latencyBounds, 2.0)),
			},
			{
				Name: "reinvoke.calls", Unit: "{call}", Description: "Calls that ended, by how they did.",
				Data: counter(outcome(2, checkName, "first-try"), outcome(3, checkName, "recovered"), outcome(1, checkName, "exhausted"),
					outcome(1, checkName, "not-retried"), outcome(1, checkName, "ended"), outcome(1, watchName, "recovered"),
					counted(1, attribute.NewSet(append(slices.Clone(attributesOf("a-function", "")), attribute.String("reinvoke.outcome", "recovered"))...))),
			},
			{
				Name: "reinvoke.attempts", Unit: "{attempt}", Description: "Attempts that ended, by the class of their failure and the rule that found it.",
				Data: counter(attempt(5, checkName, "None", "none"), attempt(4, checkName, "Server", "overloaded"), attempt(1, checkName, "Request", "invalid-argument"),
					attempt(1, checkName, "Quota", "quota-hint"), attempt(1, checkName, "Ended", "caller-done"),
					attempt(1, watchName, "Server", "overloaded"), attempt(1, watchName, "None", "none"),
					counted(1, function("reinvoke.class", "None", "reinvoke.rule", "none")),
					counted(1, function("reinvoke.class", "Server", "reinvoke.rule", "overloaded"))),
			},
			{
				Name: "reinvoke.gate.wait", Unit: "s", Description: "Time that a call has waited at a gate. If it did not, 0 is not reported.",
				Data: histogram(observed(own(checkName), latencyBounds, 10.0)),
			},
			{
				Name: "reinvoke.gate.changes", Unit: "{change}", Description: "Gates that closed, began to probe or reopened.",
				Data: counter(counted(1, plain("reinvoke.gate.state", "closed")), counted(1, plain("reinvoke.gate.state", "open"))),
			},
			{
				Name: "reinvoke.gates", Unit: "{gate}", Description: "Gates of quotas that calls were refused by.",
				Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{state(0, "closed"), state(0, "probing"), state(1, "open")}},
			},
			{
				Name: "reinvoke.gate.waiting", Unit: "{call}", Description: "Calls that wait at gates.",
				Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{counted(0, plain())}},
			},
			{
				Name: "reinvoke.budget.tokens", Unit: "{token}", Description: "Tokens that the budget of retries holds.",
				Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
					{Attributes: plain("reinvoke.account", "tokens"), Value: 99}, {Attributes: plain("reinvoke.account", "earned"), Value: 0.7},
				}},
			},
		}
		for _, m := range want {
			metricdatatest.AssertEqual(t, m, got[m.Name], metricdatatest.IgnoreTimestamp())
			delete(got, m.Name)
		}
		if len(got) > 0 {
			t.Errorf("there are others: %v", got)
		}
	})
}

// attributesOf are those of a series of our own.
func attributesOf(method, to string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("grpc.method", method), attribute.String("grpc.target", to), attribute.String("reinvoke.name", "test")}
}

// TestOtel_gauges: what they say while a gate is closed, and calls wait there.
func TestOtel_gauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		s := &scripted{}
		client := inMemory(t, s, interceptor.DialOptions(otelretry.Instrument(provider))...)
		for range 3 {
			go func() { _, _ = client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "refused once"}) }()
			time.Sleep(200 * time.Millisecond) // before the first scout goes
		}
		got, _ := collect(t, reader)
		values := map[string]int64{}
		for _, name := range []string{"reinvoke.gates", "reinvoke.gate.waiting"} {
			for _, p := range got[name].Data.(metricdata.Gauge[int64]).DataPoints {
				state, _ := p.Attributes.Value("reinvoke.gate.state")
				values[name+" "+state.AsString()] = p.Value
			}
		}
		want := map[string]int64{"reinvoke.gates closed": 1, "reinvoke.gates probing": 0, "reinvoke.gates open": 0, "reinvoke.gate.waiting ": 3}
		if diff := cmp.Diff(want, values); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
	})
}

// TestOtel_dryRun: how many calls the gate would have held, and how many of them in vain.
func TestOtel_dryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		s := &scripted{}
		lastScout := func() float64 { return 0.99 } // it goes after 1.25 s
		client := inMemory(t, s, interceptor.DialOptions(otelretry.Instrument(provider), interceptor.WithGateDryRun(), interceptor.WithRand(lastScout))...)
		if got, _ := collect(t, reader); got["reinvoke.gate.would_hold"].Data != nil {
			t.Errorf("got %v before there was a call, want none", got["reinvoke.gate.would_hold"])
		}
		go func() { _, _ = client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "refused once"}) }()
		time.Sleep(200 * time.Millisecond)
		for range 3 { // they succeed at once, where they would have waited for a scout
			_, _ = client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "refused none"})
		}
		time.Sleep(time.Minute)
		got, _ := collect(t, reader)
		calls := map[bool]int64{}
		sum, _ := got["reinvoke.gate.would_hold"].Data.(metricdata.Sum[int64])
		for _, p := range sum.DataPoints {
			inVain, _ := p.Attributes.Value("reinvoke.gate.in_vain")
			calls[inVain.AsBool()] = p.Value
		}
		if diff := cmp.Diff(map[bool]int64{true: 3, false: 0}, calls); diff != "" || !sum.IsMonotonic {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestOtel_methodsThatAreNotOfAFixedSet: their names are no attributes, unless the
// program says that they may be.
func TestOtel_methodsThatAreNotOfAFixedSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		known := otelretry.WithMethods(func(method string) bool { return method == "/a.S/Known" })
		r := interceptor.New(otelretry.Instrument(provider, known, otelretry.WithoutSpanEvents()))
		for _, method := range []string{"/a.S/Known", "/a.S/42", "/a.S/43", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Chck", "/grpc.health.v1/Health", "x y"} {
			_ = r.Unary()(t.Context(), method, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil })
		}
		got, _ := collect(t, reader)
		methods := map[string]int64{}
		for _, p := range got["reinvoke.calls"].Data.(metricdata.Sum[int64]).DataPoints {
			method, _ := p.Attributes.Value("grpc.method")
			methods[method.AsString()] = p.Value
		}
		if diff := cmp.Diff(map[string]int64{"a.S/Known": 1, "grpc.health.v1.Health/Check": 1, "other": 5}, methods); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestOtel_aRetrierThatIsGone is told of no longer, and not held in memory.
func TestOtel_aRetrierThatIsGone(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	interceptor.New(otelretry.Instrument(otelretry.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))))
	for range 100 {
		runtime.GC()
		if got, _ := collect(t, reader); len(got) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("its gauges are there after a second")
}

// TestOtel_invalid: Instrument panics with all that is wrong.
func TestOtel_invalid(t *testing.T) {
	defer func() {
		want := []string{
			"otelretry: WithMeterProvider: nil: want a metric.MeterProvider", `otelretry: WithName: "": want a name`,
			"otelretry: WithMethods: nil: want a function",
		}
		err, _ := recover().(error)
		if err == nil || err.Error() != strings.Join(want, "\n") {
			t.Errorf("got %v, want %q", err, want)
		}
	}()
	otelretry.Instrument(otelretry.WithMeterProvider(nil), otelretry.WithName(""), nil, otelretry.WithMethods(nil))
}
