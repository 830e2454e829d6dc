package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// history holds the samples of all series, in place of the database of Prometheus. A
// history is safe for concurrent use.
type history struct {
	from prometheus.Gatherer

	mu     sync.Mutex
	series map[string]*series
}

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

func newHistory(from prometheus.Gatherer) *history {
	return &history{from: from, series: map[string]*series{}}
}

// watch takes a sample of every series at an interval until ctx ends.
func (h *history) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			_ = h.scrape(now) // a failed scrape leaves a gap, as in Prometheus
		}
	}
}

// scrape takes a sample of every series.
func (h *history) scrape(now time.Time) error {
	families, err := h.from.Gather()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			h.add(now, family.GetName(), m)
		}
	}
	return nil
}

// add adds a metric, as the series of Prometheus's text format.
func (h *history) add(now time.Time, name string, m *dto.Metric) {
	switch {
	case m.GetCounter() != nil:
		h.sample(now, name, m, m.GetCounter().GetValue())
	case m.GetGauge() != nil:
		h.sample(now, name, m, m.GetGauge().GetValue())
	case m.GetHistogram() != nil:
		in := m.GetHistogram()
		for _, b := range in.GetBucket() {
			h.sample(now, name+"_bucket", m, float64(b.GetCumulativeCount()), "le", strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64))
		}
		h.sample(now, name+"_bucket", m, float64(in.GetSampleCount()), "le", "+Inf")
		h.sample(now, name+"_sum", m, in.GetSampleSum())
		h.sample(now, name+"_count", m, float64(in.GetSampleCount()))
	}
}

func (h *history) sample(now time.Time, name string, m *dto.Metric, value float64, more ...string) {
	all := append([]string{"__name__", name}, more...)
	for _, l := range m.GetLabel() {
		all = append(all, l.GetName(), l.GetValue())
	}
	lset := labels.FromStrings(all...)
	s := h.series[lset.String()]
	if s == nil {
		s = &series{labels: lset}
		h.series[lset.String()] = s
	}
	s.samples = append(s.samples, sample{now.UnixMilli(), value})
}

// span returns the times of the first and the last sample.
func (h *history) span() (first, last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	low, high := int64(math.MaxInt64), int64(0)
	for _, s := range h.series {
		low, high = min(low, s.samples[0].T()), max(high, s.samples[len(s.samples)-1].T())
	}
	return time.UnixMilli(low), time.UnixMilli(high)
}

// Querier makes the history a storage.Queryable.
func (h *history) Querier(_, _ int64) (storage.Querier, error) { return querier{h}, nil }

// querier answers the queries of package promql.
type querier struct{ h *history }

// Select returns the matching series, sorted by labels.
func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	q.h.mu.Lock()
	defer q.h.mu.Unlock()
	var found []*series
	for _, s := range q.h.series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *series) int { return cmp.Compare(a.labels.String(), b.labels.String()) })
	set := &seriesSet{}
	for _, s := range found {
		set.all = append(set.all, storage.NewListSeries(s.labels, slices.Clone(s.samples)))
	}
	return set
}

// LabelValues returns nothing: queries do not call LabelValues.
func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames returns nothing: queries do not call LabelNames.
func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close does nothing.
func (querier) Close() error { return nil }

// seriesSet iterates over series.
type seriesSet struct {
	all []storage.Series
	at  storage.Series
}

// Next goes to the next series.
func (s *seriesSet) Next() bool {
	if len(s.all) == 0 {
		return false
	}
	s.at, s.all = s.all[0], s.all[1:]
	return true
}

// At returns the current series.
func (s *seriesSet) At() storage.Series { return s.at }

// Err returns nil.
func (*seriesSet) Err() error { return nil }

// Warnings returns none.
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// sample is a float at a time.
type sample struct {
	t int64
	f float64
}

// T is the time in milliseconds.
func (s sample) T() int64 { return s.t }

// ST is the start time of a counter; 0 means unknown.
func (sample) ST() int64 { return 0 }

// F is the value.
func (s sample) F() float64 { return s.f }

// H returns nil: no sample is a native histogram.
func (sample) H() *histogram.Histogram { return nil }

// FH returns nil, like H.
func (sample) FH() *histogram.FloatHistogram { return nil }

// Type returns the type of floats.
func (sample) Type() chunkenc.ValueType { return chunkenc.ValFloat }

// Copy returns the sample.
func (s sample) Copy() chunks.Sample { return s }
