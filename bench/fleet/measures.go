package main

import (
	"math"
	"slices"
	"time"
)

// measures are the results of a run.
type measures struct {
	of                           *scenario
	offered, successes, requests int
	latencies                    []float64     // seconds, of the successes, sorted at the end
	good, bad                    []float64     // succeeded and failed calls per second
	asked                        []float64     // requests per 100 ms
	spared                       int           // number of calls never refused
	waited                       time.Duration // sum of their waits before the first attempt
	large, largeWell             int
	urgent, urgentWell           int
	waits                        []float64 // seconds, of the interactive calls, before the first attempt; sorted at the end
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

// ended records the end of a call.
func (m *measures) ended(w *world, c *call, well bool) {
	if !c.refused { // a refused call was told to wait itself; only the waits of other calls count
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
	if c.urgent {
		m.urgent++
		first := c.first
		if c.sent == 0 {
			first = w.now
		}
		m.waits = append(m.waits, (first - c.arrived).Seconds())
		if well {
			m.urgentWell++
		}
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

func (m *measures) finish() {
	slices.Sort(m.latencies)
	slices.Sort(m.waits)
}

// urgentSuccess returns the share of successful interactive calls, and urgentWait the 99th
// percentile of their waits in seconds.
func (m *measures) urgentSuccess() float64 { return float64(m.urgentWell) / float64(m.urgent) }

func (m *measures) urgentWait() float64 { return m.waits[len(m.waits)*99/100] }

// success returns the share of successful calls.
func (m *measures) success() float64 { return float64(m.successes) / float64(m.offered) }

// perSuccess returns the requests per success.
func (m *measures) perSuccess() float64 { return float64(m.requests) / float64(m.successes) }

// herd returns the most requests within 100 ms, as a multiple of the server's capacity in that
// time.
func (m *measures) herd() float64 { return slices.Max(m.asked) / (m.of.capacity / 10) }

// quantile returns the q-quantile of the latencies of the successes, in seconds.
func (m *measures) quantile(q float64) float64 {
	if len(m.latencies) == 0 {
		return math.NaN()
	}
	return m.latencies[min(int(q*float64(len(m.latencies))), len(m.latencies)-1)]
}

// recovery returns the seconds from the end of the trigger until the fleet was well: from then
// on, at most 5 % of the calls ending in any 10 s failed. The result is false if the fleet
// never was well.
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

// inTime returns the number of calls that succeeded before the scenario's end.
func (m *measures) inTime() (calls float64) {
	for _, good := range m.good[:int(m.of.lasts/time.Second)] {
		calls += good
	}
	return calls
}
