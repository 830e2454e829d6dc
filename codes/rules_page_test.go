package codes_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/codes"
)

var update = flag.Bool("update", false, "write the table of rules in docs/classification.md anew")

// TestRules_page: docs/classification.md lists the rules in their order, with their
// sources.
func TestRules_page(t *testing.T) {
	const page, begin, end = "../docs/classification.md", "<!-- rules: begin -->\n", "<!-- rules: end -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the rules", page)
	}
	want := before + begin + rulesTable() + end + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is stale: run `make generate`", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil { //nolint:gosec // everyone may read it
		t.Fatal(err)
	}
}

// rulesTable returns the rules as the page shows them; rows that follow each other and
// differ in their conditions alone are one.
func rulesTable() string {
	var b strings.Builder
	b.WriteString("| rule | class | status codes | source |\n|---|---|---|---|\n")
	last := ""
	for _, r := range codes.Rules() {
		var of []string
		for _, c := range r.Codes {
			of = append(of, codeName(c.String()))
		}
		if len(of) == 0 {
			of = []string{"any"}
		}
		line := fmt.Sprintf("| `%s` | %v | %s | %s |\n", r.Name, r.Class, strings.Join(of, ", "), strings.ReplaceAll(r.Source, "|", `\|`))
		if line != last {
			b.WriteString(line)
		}
		last = line
	}
	return b.String()
}

// codeName spells a code as gRPC's specification does.
func codeName(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' && name[i-1] >= 'a' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.Replace(strings.ToUpper(b.String()), "CANCELED", "CANCELLED", 1)
}
