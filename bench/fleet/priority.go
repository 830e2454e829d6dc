package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// The scenes of priorities: a process asks for twice its quota of 600 calls a minute. A tenth of
// the calls is interactive, and someone waits for each; the others are a batch.

const (
	interactive = 10 * time.Second // the deadline
	batch       = 5 * time.Minute
)

// crowded returns a scene with this server.
func crowded(name, says string, limits []policy.Quota, server func(*world) server) *scenario {
	return &scenario{
		name: name, says: says, quota: true, each: func(int) float64 { return 20 }, base: 1, lasts: time.Hour,
		deadline: batch, tail: tail, urgent: 0.1, urgentDeadline: interactive, limits: limits, server: server,
	}
}

// crowds returns all scenes of priorities.
func crowds() []*scenario {
	window := func(*world) server { return fixedWindow(600, time.Minute, time.Second/2) }
	bucket := func(*world) server { return tokenBucket(10, 10, time.Second, time.Second/2) }
	return []*scenario{
		crowded("E1", "the limit is known", []policy.Quota{{Pattern: "*", Requests: 600, Window: time.Minute}}, window),
		crowded("E2", "a bucket of 10 a second, not known", nil, bucket),
		crowded("E3", "a quota by the minute, not known", nil, window),
	}
}

const (
	rankedName = "interactive calls first"
	equalName  = "without priorities"
)

// ranks returns the sides of the scenes.
func ranks() []side {
	ranked := func(on bool) func(*scenario, int) strategy {
		return func(sc *scenario, n int) strategy {
			r := newReinvoke(policy.DefaultConfig(), sc, n)
			r.ranked = on
			return r
		}
	}
	return []side{
		{rankedName, "interceptor.WithPriority: the batch low", ranked(true)},
		{equalName, "the same without", ranked(false)},
	}
}

// priorityReport plays the scenes and returns the page.
func priorityReport(seed uint64, show shower) string {
	jobs := crowdedJobs(seed)
	results := play(jobs, show("priorities", len(jobs)))
	var rows [][]string
	for _, r := range results {
		m := r.measures
		rows = append(rows, []string{
			r.sc.name + ", " + r.sc.says, r.side.name, fmt.Sprintf("%.3f", m.urgentSuccess()), fmt.Sprintf("%.2f s", m.urgentWait()),
			fmt.Sprintf("%.3f", m.success()), fmt.Sprintf("%.2f", m.perSuccess()),
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Priorities\n\nWritten by `make fleet` (seed %d), in virtual time, with the shipped code: a process asks for 20 calls a second of a quota of 600 a minute, for %v. "+
		"A tenth of the calls is interactive, with deadlines of %v; the others are a batch, with %v.\n\n", seed, crowds()[0].lasts, interactive, batch)
	b.WriteString(markdown([]string{"scene", "", "interactive: succeed", "wait, 99th percentile", "all: succeed", "requests for each success"}, rows))
	return b.String()
}

// crowdedJobs returns the runs of all scenes.
func crowdedJobs(seed uint64) (jobs []job) {
	for _, sc := range crowds() {
		for _, side := range ranks() {
			jobs = append(jobs, job{sc, 1, true, side, seed})
		}
	}
	return jobs
}
