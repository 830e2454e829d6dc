package main

import (
	"math"
	"slices"
	"time"
)

// measures is what a run has shown.
type measures struct {
	of                           *scenario
	offered, successes, requests int
	latencies                    []float64     // seconds, of the successes, in order
	good, bad                    []float64     // calls that ended so, in each second
	asked                        []float64     // requests in each 100 ms
	spared                       int           // calls that were never refused,
	waited                       time.Duration // until all of them were sent
	large, largeWell             int
}

func (m *measures) init(sc *scenario) {
	m.of = sc
	end := int((sc.lasts+max(sc.deadline, sc.tail))/time.Second) + 1
	m.good, m.bad, m.asked = make([]float64, end), make([]float64, end), make([]float64, 10*end)
}

func (m *measures) request(at time.Duration) {
	m.requests++
	m.asked[at/(100*time.Millisecond)]++
}

// ended counts a call that has ended.
func (m *measures) ended(w *world, c *call, well bool) {
	if !c.refused { // what it waited for is not what it was asked to wait
		first := c.first
		if c.sent == 0 {
			first = w.now
		}
		m.spared++
		m.waited += first - c.arrived
	}
	if c.size > largest {
		m.large++
	}
	if !well {
		m.bad[w.now/time.Second]++
		return
	}
	m.successes++
	if c.size > largest {
		m.largeWell++
	}
	m.latencies = append(m.latencies, (w.now - c.arrived).Seconds())
	m.good[w.now/time.Second]++
}

func (m *measures) finish() { slices.Sort(m.latencies) }

// success returns the share of the calls that succeeded.
func (m *measures) success() float64 { return float64(m.successes) / float64(m.offered) }

// perSuccess returns the requests per success.
func (m *measures) perSuccess() float64 { return float64(m.requests) / float64(m.successes) }

// herd returns the most requests within 100 ms, as a multiple of what the
// server can take in that time.
func (m *measures) herd() float64 { return slices.Max(m.asked) / (m.of.capacity / 10) }

// quantile returns the latency of a success in seconds that a share of them did
// not pass.
func (m *measures) quantile(q float64) float64 {
	if len(m.latencies) == 0 {
		return math.NaN()
	}
	return m.latencies[min(int(q*float64(len(m.latencies))), len(m.latencies)-1)]
}

// recovery returns how many seconds after the trigger the fleet was well
// again: from then on, for 10 s and for all the time left, at most 5 % of the
// calls that ended had failed. It reports false if it never was.
func (m *measures) recovery() (float64, bool) {
	if m.of.during == 0 {
		return 0, true
	}
	last := int(m.of.lasts / time.Second)
	end := int((m.of.from + m.of.during) / time.Second)
	well := -1
	for t := last - 10; t >= end; t-- {
		var good, bad float64
		for s := t; s < t+10; s++ {
			good += m.good[s]
			bad += m.bad[s]
		}
		if bad > 0.05*(good+bad) || good == 0 {
			break
		}
		well = t
	}
	if well < 0 {
		return 0, false
	}
	return float64(well - end), true
}

// inTime returns the calls that succeeded while the scenario lasted.
func (m *measures) inTime() (calls float64) {
	for _, good := range m.good[:int(m.of.lasts/time.Second)] {
		calls += good
	}
	return calls
}
