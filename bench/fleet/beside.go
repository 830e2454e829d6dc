package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// beside plays scenes of a single process with all libraries.
func beside(seed uint64, show shower) []scene {
	const s = time.Second
	scs := []*scenario{
		d1(5*s, quickly, 38*s, 38*s), d1(time.Minute, quickly, 10*s, 10*s),
		d3("that are right", func(left time.Duration) time.Duration { return left }),
	}
	return promise(scs, []int{1}, libraries(), seed, show, "one process")
}

// libraries returns the sides standing for libraries with their usual settings.
func libraries() []side {
	return slices.DeleteFunc(sides(), func(s side) bool { return s.name == limitName || s.name == aloneName || s.name == fleetName })
}

// besideReport returns the page.
func besideReport(scenes []scene, seed uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# One process alone\n\nWritten by `make fleet` (seed %d), in virtual time, with the shipped code on our side and models of the other libraries "+
		"([report.md](report.md) lists them). Four calls a second; the share of the calls that succeed / requests for each success; means of %d runs.\n\n", seed, repeats(1))
	head := []string{"library"}
	for _, sc := range scenes {
		head = append(head, sc.sc.name+", "+sc.sc.says)
	}
	var rows [][]string
	for _, lib := range libraries() {
		row := []string{lib.name}
		for _, sc := range scenes {
			p := sc.by[lib.name]
			row = append(row, fmt.Sprintf("%.3f / %.2f", p.success(), p.perSuccess()))
		}
		rows = append(rows, row)
	}
	b.WriteString(markdown(head, rows))
	b.WriteString("\nThe scenes are those of [ordinary.md](ordinary.md): in D1 the server refuses the first calls with these hints and would take all later ones; " +
		"in D3 a quota by the minute is asked for twice as much for a minute.\n")
	return b.String()
}
