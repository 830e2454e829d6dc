package worlds_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reinvoke/reinvoke/interceptor"
)

// lifeReport gathers the problems of all worlds.
type lifeReport struct {
	mu    sync.Mutex
	found map[string]*lifeFound // by kind
	seen  map[string]int        // what has happened in all worlds, to tell whether it is all there
}

// lifeFound is a kind of problem.
type lifeFound struct {
	seeds  []uint64
	shrunk map[string]string // by what they have in common but for figures
}

func newLifeReport() *lifeReport {
	return &lifeReport{found: map[string]*lifeFound{}, seen: map[string]int{}}
}

// run runs the worlds of these seeds.
func (r *lifeReport) run(t *testing.T, from, to uint64) {
	t.Helper()
	for seed := from; seed < to && !r.stopped(); seed++ {
		w := newLifeWorld(seed)
		switchOff(t, w)
		for range *lifeAgain {
			l := runLife(t, w)
			r.count(l)
			if problems := l.found(); len(problems) > 0 {
				r.add(t, seed, problems, w)
				break
			}
		}
	}
}

// switchOff deletes from a world what -world.off says.
func switchOff(t *testing.T, w *lifeWorld) {
	t.Helper()
	for name := range strings.SplitSeq(*lifeOff, ",") {
		if off := lifeFeatures[name]; off != nil {
			off(w)
		} else if name != "" {
			t.Errorf("-world.off: %q is no feature", name)
		}
	}
}

// add adds the problems of a world, and shrinks it if it is among the first; nil if it
// cannot be shrunk.
func (r *lifeReport) add(t *testing.T, seed uint64, problems []lifeProblem, w *lifeWorld) {
	done := map[string]bool{}
	for _, p := range problems {
		if done[p.kind] || !strings.HasPrefix(p.kind, *lifeOnly) {
			continue
		}
		done[p.kind] = true
		r.mu.Lock()
		f := r.found[p.kind]
		if f == nil {
			f = &lifeFound{shrunk: map[string]string{}}
			r.found[p.kind] = f
		}
		f.seeds = append(f.seeds, seed)
		shrink := len(f.seeds) <= *lifeShrinks
		r.mu.Unlock()
		switch {
		case shrink && w == nil:
			r.mu.Lock()
			f.shrunk[p.text] = "\t" + p.text
			r.mu.Unlock()
		case shrink:
			shape, text := explainLife(t, w, p)
			r.mu.Lock()
			if f.shrunk[shape] == "" {
				f.shrunk[shape] = text
			}
			r.mu.Unlock()
		}
	}
}

// figures are what worlds with the same problem may differ in.
var figures = regexp.MustCompile(`[0-9]+( /\*[^*]*\*/)?`)

// explainLife shrinks a world that has a problem and describes what is left of it.
func explainLife(t *testing.T, w *lifeWorld, p lifeProblem) (shape, description string) {
	t.Helper()
	text := p.text
	if p.kind == stuckProblem { // each try takes as long
		return w.String(), fmt.Sprintf("%v\n\t%s", w, text)
	}
	often := func(w *lifeWorld, tries int) (ran int, failed bool) {
		for ran = range tries {
			problems := runLife(t, w).found()
			if i := slices.IndexFunc(problems, func(q lifeProblem) bool { return q.kind == p.kind }); i >= 0 {
				text = problems[i].text
				return ran, true
			}
		}
		return tries, false
	}
	seldom, _ := often(w, 100) // goroutines run in another order each time
	small := shrinkLife(w, 500, func(w *lifeWorld) bool {
		_, failed := often(w, 2+3*seldom)
		return failed
	})
	shape = figures.ReplaceAllString(small.String(), "")
	return shape, fmt.Sprintf("%v\n\t%s", small, strings.ReplaceAll(text, "\n", "\n\t"))
}

// stopped reports whether no further worlds are to be run.
func (r *lifeReport) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *lifeStop && len(r.found) > 0
}

// print fails the test for each kind of problem.
func (r *lifeReport) print(t *testing.T) {
	t.Helper()
	for _, kind := range slices.Sorted(maps.Keys(r.found)) {
		f := r.found[kind]
		t.Errorf("%s: %d worlds, the first -world.seed=%d\n%s", kind, len(f.seeds), f.seeds[0], strings.Join(slices.Sorted(maps.Values(f.shrunk)), "\n"))
	}
}

// count counts what has happened in a world.
func (r *lifeReport) count(l *lifeRun) {
	if slices.ContainsFunc(l.found(), func(p lifeProblem) bool { return p.kind == stuckProblem }) {
		return // it goes on
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	count := func(what string, happened bool) {
		if n := r.seen[what]; happened {
			r.seen[what] = n + 1
		} else {
			r.seen[what] = n
		}
	}
	count("refresh", l.hooks[refreshHook].Load() > 0)
	count("breaker refuses", l.breaker.asked > len(l.breaker.told))
	for _, rec := range l.records {
		count("WithAccept", rec.asked[acceptHook] > 0)
		count("WithFallback", rec.asked[fallbackHook] > 0)
		count("WithResume", rec.asked[resumeHook] > 0)
		count("a call is retried", len(rec.contexts) > 1)
		for kind, broken := range map[string]bool{"panic": rec.broken != "", "goroutine ends": rec.exiting} {
			count(rec.kindOf()+": "+kind, broken)
		}
		for _, outcome := range []interceptor.Outcome{interceptor.FirstTry, interceptor.Recovered, interceptor.Exhausted, interceptor.NotRetried, interceptor.Ended} {
			for _, e := range rec.finals {
				count(rec.kindOf()+": "+outcome.String(), e.Outcome == outcome)
				count(rec.kindOf()+": waits at a gate", e.Gated > 0)
				count("hedges", e.Hedges > 0)
				count(rec.kindOf()+": goes to a target", e.TargetName != "" || rec.Kind == doLife)
			}
		}
	}
}

// checkSeen fails the test if something has never happened.
func (r *lifeReport) checkSeen(t *testing.T) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(r.seen)) {
		if r.seen[what] == 0 {
			t.Errorf("it has never happened: %s", what)
		}
	}
	t.Logf("what has happened, and how often: %v", r.seen)
}
