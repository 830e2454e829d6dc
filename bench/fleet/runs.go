package main

import (
	"runtime"
	"sync"

	"github.com/reinvoke/reinvoke/internal/progress"
)

// job is a run to make.
type job struct {
	sc    *scenario
	n     int
	hints bool
	side  side
	seed  uint64
}

// result is a finished run. The limit plays the same calls.
type result struct {
	job
	*measures
}

// play makes all runs, as many at once as there are processors. The results are in the order of
// the jobs, regardless of the order of execution.
func play(jobs []job, p *progress.Progress) []result {
	results := make([]result, len(jobs))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				j := jobs[i]
				results[i] = result{j, run(j.sc, j.n, j.hints, j.side.make(j.sc, j.n), j.seed)}
				p.Add(1)
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wg.Wait()
	p.Finish()
	return results
}

// with returns whether to play the refusals of a scenario with hints, without hints, or both.
func with(sc *scenario) []bool {
	if sc.quota {
		return []bool{true, false}
	}
	return []bool{false}
}

// table returns the jobs for a table.
func table(scs []*scenario, ns []int, who []side, seed uint64) (jobs []job) {
	for _, sc := range scs {
		for _, hints := range with(sc) {
			for _, n := range ns {
				for _, s := range who {
					jobs = append(jobs, job{sc, n, hints, s, seed})
				}
			}
		}
	}
	return jobs
}

// book finds results by scenario, number of clients, hints and side.
type book map[[4]any]result

func newBook(results []result) book {
	b := book{}
	for _, r := range results {
		b[[4]any{r.sc.name, r.n, r.hints, r.side.name}] = r
	}
	return b
}

func (b book) find(sc string, n int, hints bool, side string) (result, bool) {
	r, ok := b[[4]any{sc, n, hints, side}]
	return r, ok
}

// goodput returns the calls that succeeded before the scenario's end, as a share of the
// limit's.
func (b book) goodput(r result) float64 {
	limit, ok := b.find(r.sc.name, r.n, r.hints, limitName)
	if !ok || limit.inTime() == 0 {
		return 0
	}
	return r.inTime() / limit.inTime()
}
