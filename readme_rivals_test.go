package reinvoke_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestReadme_rivals compares the table of other libraries with the reports that `make
// fleet` writes; -update takes the figures from there.
func TestReadme_rivals(t *testing.T) {
	names := []string{"grpc", "go-grpc-middleware", "gax", "failsafe-go", "Reinvoke Default()"}
	alone, fleet := map[string][]string{}, map[string][]string{}
	for _, cells := range rows(t, "bench/fleet/report/alone.md", 4) {
		alone[cells[0]] = cells[1:]
	}
	for _, cells := range rows(t, "bench/fleet/report/report.md", 10) {
		if cells[0] == "A2 with RetryInfo" && cells[1] == "1,000" {
			requests, err := strconv.ParseFloat(cells[4], 64)
			if err != nil {
				t.Fatal(err)
			}
			fleet[cells[2]] = []string{threeDigits(t, cells[3]) + " / " + strconv.FormatFloat(requests, 'f', 2, 64)}
		}
	}
	var b strings.Builder
	b.WriteString("| | grpc's retryPolicy | go-grpc-middleware | gax | failsafe-go | Reinvoke |\n|---|---|---|---|---|---|\n")
	line := func(what string, figures map[string][]string, i int) {
		b.WriteString("| " + what)
		for _, name := range names {
			if len(figures[name]) <= i {
				t.Fatalf("the reports say nothing of %s: run make fleet", name)
			}
			b.WriteString(" | " + figures[name][i])
		}
		b.WriteString(" |\n")
	}
	line("a process, two wrong hints of 38 s, deadlines of 5 s (D1)", alone, 0)
	line("a process, twice the quota for a minute (D3)", alone, 2)
	line("1,000 processes, the same (A2)", fleet, 0)
	b.WriteString("| a delay in `RetryInfo` | not read | not read | not read | not read | waited out, by all calls of the quota together |\n" +
		"| streams | all kinds, until the first message or 256 KiB | server streams; others fail | the opening alone | none | all kinds, until the first message or 256 KiB; server streams also later, with `WithResume` |\n" +
		"| a call with an unknown outcome | again, by the code | again, by the code | again, by the code | again, by the code | again for a repeatable method |\n")
	generated(t, "rivals", b.String())
}

// rows returns the rows of a page's tables that have so many cells.
func rows(t *testing.T, page string, cells int) (all [][]string) {
	t.Helper()
	for _, line := range regexp.MustCompile(`(?m)^\| .* \|$`).FindAllString(string(read(t, page)), -1) {
		if row := strings.Split(strings.Trim(line, "| "), " | "); len(row) == cells {
			all = append(all, row)
		}
	}
	return all
}
