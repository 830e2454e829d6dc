package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// columns returns the head of the table.
func columns() []string {
	return []string{"scenario", "n", "library", "success", "requests per success", "goodput", "herd", "recovers in", "p50", "p99"}
}

// cells returns a row of the table.
func (b book) cells(r result) []string {
	name := r.sc.name
	if r.sc.quota && r.hints {
		name += " with RetryInfo"
	} else if r.sc.quota {
		name += " without"
	}
	recovers := ""
	if r.sc.during > 0 {
		recovers = "never"
		if after, ok := r.recovery(); ok {
			recovers = fmt.Sprintf("%.0f s", after)
		}
	}
	return []string{
		name, thousands(r.n), r.side.name, fmt.Sprintf("%.4f", r.success()), fmt.Sprintf("%.3f", r.perSuccess()),
		fmt.Sprintf("%.4f", b.goodput(r)), fmt.Sprintf("%.1f", r.herd()), recovers,
		fmt.Sprintf("%.2f s", r.quantile(0.5)), fmt.Sprintf("%.1f s", r.quantile(0.99)),
	}
}

// text returns the table in aligned columns.
func (b book) text(results []result) string {
	var s strings.Builder
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(columns(), "\t")) // a strings.Builder never fails
	for _, r := range results {
		_, _ = fmt.Fprintln(w, strings.Join(b.cells(r), "\t"))
	}
	_ = w.Flush()
	return s.String()
}

// markdown returns a Markdown table.
func markdown(head []string, rows [][]string) string {
	var s strings.Builder
	s.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat("---|", len(head)) + "\n")
	for _, row := range rows {
		s.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return s.String()
}

// thousands prints a number with commas, as 100,000.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
