// Command fleet simulates fleets of clients.
package main

import (
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

type side struct {
	name string
	make func(sc *scenario, n int) strategy
}

func plain(f func(int) strategy) func(*scenario, int) strategy {
	return func(_ *scenario, n int) strategy { return f(n) }
}

func sides() []side {
	ours := func(c policy.Config) func(*scenario, int) strategy {
		return func(sc *scenario, n int) strategy { return newReinvoke(c, sc, n) }
	}
	nogate := policy.DefaultConfig()
	nogate.Gate = policy.GateConfig{}
	fleetno := policy.FleetConfig()
	fleetno.Gate = policy.GateConfig{}
	return []side{
		{"limit", func(*scenario, int) strategy { return &omniscient{} }},
		{"fleet", ours(policy.FleetConfig())},
		{"default", ours(policy.DefaultConfig())},
		{"default-nogate", ours(nogate)},
		{"fleet-nogate", ours(fleetno)},
		{"none", plain(noRetry)},
		{"mw", plain(middleware(false))},
		{"mw-exp", plain(middleware(true))},
		{"A6", plain(serviceConfig(false))},
		{"A6-throttling", plain(serviceConfig(true))},
		{"gax", plain(gax)},
		{"failsafe", plain(failsafe)},
		{"aws", plain(awsStandard)},
		{"aws-adaptive", plain(awsAdaptive)},
		{"breaker", plain(breaker)},
		{"sre", plain(throttling)},
	}
}

func main() {
	only := flag.String("only", "", "")
	who := flag.String("who", "", "")
	ns := flag.String("n", "10,1000,100000", "")
	hint := flag.String("hints", "yes,no", "")
	seed := flag.Uint64("seed", 1, "")
	flag.Parse()
	for _, sc := range scenarios() {
		if *only != "" && !strings.Contains(","+*only+",", ","+sc.name+",") {
			continue
		}
		for _, hints := range []bool{true, false} {
			if (!hints && !sc.quota) || (hints && !strings.Contains(*hint, "yes")) || (!hints && !strings.Contains(*hint, "no") && sc.quota) {
				continue
			}
			for _, s := range sides() {
				if *who != "" && !strings.Contains(","+*who+",", ","+s.name+",") {
					continue
				}
				for _, f := range strings.Split(*ns, ",") {
					var n int
					fmt.Sscan(f, &n)
					begin := time.Now()
					m := run(sc, n, hints, s.make(sc, n), *seed)
					rec, ok := m.recovery()
					recs := fmt.Sprint(rec)
					if !ok {
						recs = "never"
					}
					fmt.Printf("%-3s hints=%-5v %-15s n=%-6d success %.4f  req/succ %.3f  herd %6.1f rec %6s p50 %.2f p99 %.2f   (%v)\n", sc.name, hints, s.name, n, m.success(), m.perSuccess(), m.herd(), recs, m.quantile(.5), m.quantile(.99), time.Since(begin).Round(time.Millisecond))
				}
			}
		}
	}
}
