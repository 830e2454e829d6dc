// Package reinvoke_test keeps the README and docs/ true: their generated parts are
// compared with the code, and their programs are compiled and run.
package reinvoke_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

var update = flag.Bool("update", false, "write the generated parts of the README and docs/ anew")

const (
	readme  = "README.md"
	picture = "policy/schedule.svg"
)

// pages returns the README and the pages of docs/.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("docs/*.md")
	if err != nil || len(docs) < 10 {
		t.Fatalf("got %d pages in docs/ (%v), want at least 10", len(docs), err)
	}
	return append([]string{readme}, docs...)
}

// generated compares what stands between the marks of a name, on the one page that has
// them, with content; -update writes it.
func generated(t *testing.T, name, content string) {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
	marks := regexp.MustCompile("(?s)" + begin + ".*?" + end)
	places := 0
	for _, page := range pages(t) {
		text := read(t, page)
		if n := len(marks.FindAll(text, -1)); n > 0 {
			places += n
			same(t, page, text, marks.ReplaceAllLiteral(text, []byte(begin+content+end)))
		}
	}
	if places != 1 {
		t.Fatalf("there are %d places for %s, want 1", places, name)
	}
}

func TestReadme_defaultTable(t *testing.T) { generated(t, "table", markdownTable()) }

// TestReadme_isShort: whoever has two minutes reads it whole.
func TestReadme_isShort(t *testing.T) {
	if n := bytes.Count(read(t, readme), []byte("\n")); n > 180 {
		t.Errorf("it has %d lines, want at most 180: the rest belongs to docs/", n)
	}
}

func TestReadme_picture(t *testing.T) {
	text, _ := os.ReadFile(picture) // a missing one is stale too
	same(t, picture, text, []byte(drawSchedule(policy.Default())))
}

// markdownTable returns the default table as the README shows it.
func markdownTable() string {
	what := map[codes.Class]string{
		codes.Quota:   "a rate limit that refills soon",
		codes.Server:  "the server failed or is overloaded",
		codes.Network: "no answer: refused, reset, cut",
		codes.Timeout: "the server ran out of time, the caller did not",
		codes.Other:   "none of the others",
		codes.Expired: "an access token past its time",
	}
	var b strings.Builder
	b.WriteString("| class | what happened | retries | delays | multiplier | waits |\n|---|---|---|---|---|---|\n")
	var never []string
	table := policy.Default()
	for _, class := range []codes.Class{codes.Quota, codes.Server, codes.Network, codes.Timeout, codes.Other, codes.Expired} {
		p := table[class]
		if p.Base <= 0 {
			fmt.Fprintf(&b, "| %v | %s | %d | none | | |\n", class, what[class], p.Retries)
			continue
		}
		var waits []string
		for _, r := range p.Schedule() {
			waits = append(waits, fmt.Sprintf("%v–%v", r.Min.Seconds(), r.Max.Seconds()))
		}
		fmt.Fprintf(&b, "| %v | %s | %d | %v s to %v s | x%v | %s s |\n",
			class, what[class], p.Retries, p.Base.Seconds(), p.Max.Seconds(), p.Multiplier, strings.Join(waits, ", "))
	}
	for class := codes.Class(1); class < codes.NumClasses; class++ {
		if table[class].Retries == 0 {
			never = append(never, class.String())
		}
	}
	fmt.Fprintf(&b, "| %s | daily or empty quotas, credentials, wrong requests, aborted transactions, the caller gone | never | | | |\n",
		strings.Join(never, ", "))
	return b.String()
}

// read returns a file's content.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// same fails the test if the file is stale, or writes it anew with -update.
func same(t *testing.T, name string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if !*update {
		t.Fatalf("%s is stale: run `make generate`", name)
	}
	if err := os.WriteFile(name, want, 0o644); err != nil { //nolint:gosec // everyone may read it
		t.Fatal(err)
	}
}

// TestReadme_fleet compares the table of the fleet with the report that `make
// fleet` writes; -update takes it from there.
func TestReadme_fleet(t *testing.T) {
	figures := map[string][]string{}
	for _, row := range strings.Split(string(read(t, "bench/fleet/report/report.md")), "\n") {
		if cells := strings.Split(strings.Trim(row, "| "), " | "); len(cells) == 10 {
			figures[cells[0]+"/"+cells[1]+"/"+cells[2]] = cells
		}
	}
	names := []string{"no retries", "go-grpc-middleware", "grpc", "gax", "Reinvoke Default()", "Reinvoke Fleet()"}
	var b strings.Builder
	b.WriteString("| 1,000 clients | " + strings.Join(names, " | ") + " |\n|" + strings.Repeat("---|", len(names)+1) + "\n")
	for _, sc := range [][2]string{
		{"A2 with RetryInfo", "twice the quota for 60 s, hints"},
		{"A3 with RetryInfo", "the same, a bucket of tokens, hints of 1 s"},
		{"A2 without", "twice the quota for 60 s, no hints"},
		{"B1", "30 s of outage, attempts timed out"},
		{"B2", "30 s at a tenth of the speed, attempts timed out"},
		{"B3", "30 s of outage"},
		{"B4", "30 s at a tenth of the speed"},
		{"C", "3 % of the requests fail"},
	} {
		b.WriteString("| " + sc[1] + " (" + strings.Fields(sc[0])[0] + ")")
		for _, name := range names {
			cells, ok := figures[sc[0]+"/1,000/"+name]
			if !ok {
				t.Fatalf("the report has no line for %s, %s: run make fleet", sc[0], name)
			}
			requests, _ := strconv.ParseFloat(cells[4], 64)
			b.WriteString(" | " + threeDigits(t, cells[3]) + " / " + strconv.FormatFloat(requests, 'f', 2, 64))
			if cells[7] == "never" {
				b.WriteString(", never recovers")
			}
		}
		b.WriteString(" |\n")
	}
	generated(t, "fleet", b.String())
}

// TestReadme_gate compares the table of the gate with the report that `make fleet`
// writes; -update takes it from there.
func TestReadme_gate(t *testing.T) {
	rows := map[string][]string{}
	section := ""
	for _, line := range strings.Split(string(read(t, "bench/fleet/report/ordinary.md")), "\n") {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = name
		}
		if cells := strings.Split(strings.Trim(line, "| "), " | "); len(cells) == 9 && cells[0] == "1" {
			rows[section+", "+cells[1]] = cells
		}
	}
	var b strings.Builder
	b.WriteString("| a single process | with the gate | without | gax |\n|---|---|---|---|\n")
	for _, sc := range [][2]string{
		{"D1, hints [38s 38s], deadline 5s, calls of 100ms", "the first two calls are told to wait 38 s, and all others would be taken (D1)"},
		{"D2, deadline 10s, calls of 100ms, sizes known", "a prompt in twenty is too large for a quota of tokens: the small prompts (D2)"},
		{"D3, hints that are right", "a quota by the minute, for a minute asked for twice as much (D3)"},
		{"D3, hints ten times too short", "the same, hints ten times too short"},
		{"D4, 20 %, hint 50ms, deadline 5s, calls of 100ms", "a fifth of the calls is refused at random (D4)"},
		{"D4, 50 %, hint 1s, deadline 20s, calls of 10s", "half of the calls, each of 10 s"},
	} {
		cells, ok := rows[sc[0]]
		if !ok {
			t.Fatalf("the report has no line for %s: run make fleet", sc[0])
		}
		b.WriteString("| " + sc[1])
		for i := range 3 {
			b.WriteString(" | " + threeDigits(t, cells[2+i]) + " / " + cells[6+i])
		}
		b.WriteString(" |\n")
	}
	generated(t, "gate", b.String())
}

// threeDigits rounds a figure of a report.
func threeDigits(t *testing.T, figure string) string {
	t.Helper()
	f, err := strconv.ParseFloat(figure, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}
