package main

import (
	"fmt"
	"strings"
)

// report returns the page.
func report(scs []*scenario, results []result, head []string, rows [][]string, seed uint64) string {
	b := newBook(results)
	var s strings.Builder
	fmt.Fprintf(&s, "# A fleet of clients\n\nWritten by `make fleet` (seed %d). n client processes share a server that takes 200 calls a second; "+
		"what happens is played in virtual time, and the same seed gives the same bytes. Our side is the shipped code (policy.Decide, policy.Budget, "+
		"policy/gate); the others are models after their documentation.\n\n", seed)
	var lines [][]string
	for _, sc := range scs {
		lines = append(lines, []string{sc.name, sc.says, fmt.Sprintf("%v", sc.deadline), fmt.Sprintf("%v", sc.lasts)})
	}
	s.WriteString(markdown([]string{"scenario", "what happens", "deadline of a call", "lasts"}, lines))
	s.WriteString("\nA: accepted calls take Exp(2 s), refusals 20 ms. B: 20 workers x Exp(100 ms) behind a queue of 1,000; the work of calls that were given up " +
		"is done all the same; an outage or a full queue answers UNAVAILABLE at once. C: calls take Exp(100 ms).\n\n")
	lines = nil
	for _, sd := range sides() {
		lines = append(lines, []string{sd.name, sd.says})
	}
	s.WriteString(markdown([]string{"library", "figures"}, lines))
	s.WriteString("\n![Goodput through an outage, each rival beside ours](goodput.svg)\n\n![Requests at the reset of a quota](reset.svg)\n\n")
	s.WriteString(goalsReport(b))
	s.WriteString("\n## All figures\n\nSuccess is the share of the calls that succeeded before their deadline; goodput counts those that did while the scenario lasted, as a " +
		"share of the limit's; the herd is the most requests within 100 ms, in multiples of what the server takes in that time; a fleet has recovered when at most " +
		"5 % of its calls fail, from then on.\n\n")
	lines = nil
	for _, r := range results {
		if r.n == 10 || r.n == 1000 || r.n == 100000 {
			lines = append(lines, b.cells(r))
		}
	}
	s.WriteString(markdown(columns(), lines))
	s.WriteString("\n## How much the figures matter\n\nThe success of Fleet(), and by how many percentage points it changes when a figure is halved or doubled " +
		"(of those that count from 1 up: what is above 1). What loses more than half a point is bold.\n\n")
	s.WriteString(markdown(head, rows))
	return s.String()
}

// goalsReport returns the table of goals, met or missed.
func goalsReport(b book) string {
	var lines [][]string
	met, all := 0, 0
	for _, g := range goals() {
		got, bound, ok := g.check(b)
		all++
		word := "**missed**"
		if ok {
			met++
			word = "met"
		}
		lines = append(lines, []string{g.String(), fmt.Sprintf("%.4g", bound), fmt.Sprintf("%.4f", got), word})
	}
	return fmt.Sprintf("## Goals\n\n%d of %d are met, with Fleet().\n\n", met, all) +
		markdown([]string{"goal", "bound", "got", ""}, lines)
}
