package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// dashboardFile is the path of the dashboard, relative to examples/integration.
const dashboardFile = "../../interceptor/otelretry/dashboard.json"

// dashboard holds the needed fields of a Grafana dashboard.
type dashboard struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
	} `json:"targets"`
}

func readDashboard(path string) (d dashboard, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // it is ours
	if err != nil {
		return d, err
	}
	err = json.Unmarshal(data, &d)
	return d, err
}

// line is one series of a panel.
type line struct {
	name   string
	points []promql.FPoint
}

// rateInterval replaces $__rate_interval: at least four scrapes, as in Grafana, and at
// least a round of the script.
const rateInterval = 12 * time.Second

// evaluate returns the lines of a panel.
func (h *history) evaluate(ctx context.Context, engine *promql.Engine, p panel, step time.Duration) (all []line, err error) {
	first, last := h.span()
	for _, target := range p.Targets {
		expr := strings.NewReplacer("$__rate_interval", rateInterval.String(), "$method", ".*", "$target", ".*").Replace(target.Expr)
		query, err := engine.NewRangeQuery(ctx, h, nil, expr, first.Add(rateInterval), last, step)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Title, err)
		}
		matrix, err := query.Exec(ctx).Matrix()
		if err != nil {
			query.Close()
			return nil, fmt.Errorf("%s: %w", p.Title, err)
		}
		for _, s := range matrix {
			name := target.LegendFormat
			if label, ok := strings.CutPrefix(name, "{{"); ok {
				name = s.Metric.Get(strings.TrimSuffix(label, "}}"))
			}
			all = append(all, line{name, slices.Clone(s.Floats)}) // Close reuses the points
		}
		query.Close()
	}
	return all, nil
}

// newEngine returns Prometheus's query engine.
func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
}
