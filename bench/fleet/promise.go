package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// The scenes of ordinary programs have three sides: ours as shipped, ours without the gate, and
// Google's clients.
const (
	gateName    = "gate"
	withoutName = "without gate"
)

// promising returns these three sides.
func promising() []side {
	alone := policy.DefaultConfig()
	alone.Gate = policy.GateConfig{}
	return []side{
		{gateName, "policy.DefaultConfig()", configured(policy.DefaultConfig())},
		{withoutName, "the same with interceptor.WithoutGate()", configured(alone)},
		{gaxName, "full jitter, 1 s x2 to 30 s, until the deadline", func(_ *scenario, n int) strategy { return gax(n) }},
	}
}

// repeats returns the number of runs of a scene with n clients, each with another seed.
func repeats(n int) int {
	switch {
	case n < 10:
		return 10
	case n < 1000:
		return 3
	}
	return 1
}

// played is the result of a side in a scene, over all runs.
type played struct {
	offered, successes, requests int
	small, smallWell             int
	spared                       int // number of calls never refused
	waited                       time.Duration
	fails                        float64 // failed calls per client, the mean over all runs
}

func (p *played) success() float64    { return float64(p.successes) / float64(p.offered) }
func (p *played) smallOnes() float64  { return float64(p.smallWell) / float64(max(p.small, 1)) }
func (p *played) perSuccess() float64 { return float64(p.requests) / float64(max(p.successes, 1)) }

// wait returns the mean wait of the calls never refused, in seconds.
func (p *played) wait() float64 { return p.waited.Seconds() / float64(max(p.spared, 1)) }

// scene is a scenario with n clients, with the results of all sides.
type scene struct {
	sc *scenario
	n  int
	by map[string]*played
}

// promise plays the scenes of ordinary programs with these sides.
func promise(scs []*scenario, ns []int, who []side, seed uint64, show shower, label string) []scene {
	var jobs []job
	for _, n := range ns {
		for _, sc := range scs {
			for _, s := range who {
				for i := range repeats(n) {
					jobs = append(jobs, job{sc, n, true, s, seed + uint64(i)})
				}
			}
		}
	}
	var all []scene
	for _, r := range play(jobs, show(label, len(jobs))) {
		if len(all) == 0 || all[len(all)-1].sc != r.sc || all[len(all)-1].n != r.n {
			all = append(all, scene{r.sc, r.n, map[string]*played{}})
		}
		by := all[len(all)-1].by
		p := by[r.side.name]
		if p == nil {
			p = &played{}
			by[r.side.name] = p
		}
		p.offered += r.offered
		p.successes += r.successes
		p.requests += r.requests
		p.small += r.offered - r.large
		p.smallWell += r.successes - r.largeWell
		p.spared += r.spared
		p.waited += r.waited
		p.fails += float64(r.offered-r.successes) / float64(r.n*repeats(r.n))
	}
	return all
}

// aPoint is the loss of success allowed with the gate.
const aPoint = 0.01

// check returns the promises broken by the gate in a scene.
func (s scene) check(worse float64) (broken []string) {
	with, without := s.by[gateName], s.by[withoutName]
	miss := func(bad bool, format string, args ...any) {
		if bad {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	least := without.success() - worse
	if s.sc.name == "D1" && s.n < 1000 {
		miss(with.fails > 10, "%.1f calls fail, want at most 10", with.fails)
	} else {
		miss(with.success() < least, "success %.4f, want >= %.4f", with.success(), least)
	}
	if s.sc.name == "D4" {
		miss(without.success() >= 0.99 && with.success() < 0.9895, "success %.4f, want >= 0.99, to three digits", with.success())
	}
	if s.sc.name == "D2" {
		miss(with.smallOnes() < 0.99, "success of small calls %.4f, want >= 0.99", with.smallOnes())
		miss(s.n < 1000 && with.wait() > 1, "wait %.2f s, want <= 1", with.wait())
	}
	if s.sc.name != "D3" { // in D3 the server could not take all calls anyway
		miss(with.wait() > without.wait()+2, "wait %.2f s, want <= %.2f", with.wait(), without.wait()+2)
	}
	return broken
}

// promiseReport returns the page.
func promiseReport(scenes []scene, seed uint64) string {
	var s strings.Builder
	fmt.Fprintf(&s, "# The gate and ordinary programs\n\nWritten by `make fleet` (seed %d), in virtual time, with the shipped code (policy.Decide, policy.Budget, policy/gate). "+
		"Nothing but what a row says is amiss with the server: here the gate must not be worse than none. "+
		"With 1 and 10 processes each makes 4 calls a second (D1 to D3) or 30 (D4); with 1,000 each makes a call in 10 s (D1, D2), 5 s (D3) or 3 s (D4). "+
		"Figures are means of %d, %d and %d runs.\n\n", seed, repeats(1), repeats(10), repeats(1000))
	s.WriteString("- D1: the server refuses the first calls of each process, with these hints, and takes all later ones.\n" +
		"- D2: a quota of tokens refuses large prompts, one in twenty, with a hint of 38 s, and takes all small ones.\n" +
		"- D3: a quota of a minute, half of which is asked for, and twice as much for a minute, with hints that are wrong.\n" +
		"- D4: the server refuses a share of the calls at random.\n\n" +
		"Success is the share of all calls, in D2 of the small ones; wait is the mean of the calls that were not refused themselves.\n")
	kept := 0
	var broken []string
	for _, sc := range scenes {
		faults := sc.check(aPoint)
		if len(faults) == 0 {
			kept++
		}
		for _, f := range faults {
			broken = append(broken, fmt.Sprintf("- %s, n = %s, %s: %s\n", sc.sc.name, thousands(sc.n), sc.sc.says, f))
		}
	}
	fmt.Fprintf(&s, "\n## Promises\n\nD1: at most 10 of 240 calls fail, and with 1,000 processes, as in D3 and D4, success is never more than a point below that without gate. "+
		"D2: success >= .99, wait <= 1 s. D4: success >= .99, to three digits, wherever it is without gate. Everywhere but in D3, whose quota cannot take all calls at once, the "+
		"wait is at most 2 s more than without gate.\n\n%d of %d rows keep them.\n\n%s", kept, len(scenes), strings.Join(broken, ""))
	if len(broken) > 0 {
		s.WriteString(notKept)
	}
	for _, name := range []string{"D1", "D2", "D3", "D4"} {
		fmt.Fprintf(&s, "\n## %s\n\n", name)
		s.WriteString(markdown([]string{
			"n", "scene", "success: gate", "without", "gax", "wait: gate", "requests per success: gate", "without", "gax",
		}, promiseRows(scenes, name)))
	}
	return s.String()
}

// notKept explains the broken promises.
const notKept = `
Why some do not: a server that refuses half of the calls at random looks, to a client that makes few calls, as a bucket of tokens that many clients share and that is empty. The
bucket needs the gate to close, and the gate believes the server until a call is accepted before its time; after two minutes that were well a client that makes
many calls needs some closings to learn of it too. In D1 with 1,000 processes the three refusals hit
three calls behind the gate, and two without it, where one call took two.
`

func promiseRows(scenes []scene, name string) (rows [][]string) {
	for _, sc := range scenes {
		if sc.sc.name != name {
			continue
		}
		success := func(side string) string {
			if name == "D2" {
				return fmt.Sprintf("%.4f", sc.by[side].smallOnes())
			}
			return fmt.Sprintf("%.4f", sc.by[side].success())
		}
		rows = append(rows, []string{
			thousands(sc.n), sc.sc.says, success(gateName), success(withoutName), success(gaxName),
			fmt.Sprintf("%.2f s", sc.by[gateName].wait()),
			fmt.Sprintf("%.2f", sc.by[gateName].perSuccess()), fmt.Sprintf("%.2f", sc.by[withoutName].perSuccess()), fmt.Sprintf("%.2f", sc.by[gaxName].perSuccess()),
		})
	}
	return rows
}
