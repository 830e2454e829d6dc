package policyfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// example is the file of the package comment.
const example = `
base: fleet
table:
  Quota: {retries: 4, max: 60s}  # the other fields of the row stay
  Other: never
limits:
  maxElapsed: 5m
budget: {max: 50, start: 50}
gate: {maxWait: 30s}
methods:
  - pattern: /shop.v1.Catalog/*
    repeatable: true
    timeout: 20s                 # of the call with all its attempts
    hedge: {delay: 200ms, attempts: 2}
  - pattern: /shop.v1.Orders/Place
    codes: [UNAVAILABLE]         # that alone are retried
    table:
      Server: {retries: 1}
`

func load(t *testing.T, text string) policy.Config {
	t.Helper()
	c, err := policyfile.Load(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// faults returns the error of a text that is no configuration, a line each.
func faults(t *testing.T, text string) []string {
	t.Helper()
	c, err := policyfile.Load(strings.NewReader(text))
	if err == nil {
		t.Fatal("it was loaded, want an error")
	}
	if diff := cmp.Diff(policy.Config{}, c); diff != "" {
		t.Errorf("beside the error there is a configuration (-want +got):\n%s", diff)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), "policyfile: ", ""), "\n")
}

func ExampleLoad() {
	c, err := policyfile.Load(strings.NewReader(`
table:
  Server: {retries: 5, max: 20s}
  Timeout: never
`))
	fmt.Println(c.Table[codes.Server], "/", c.Table[codes.Timeout], err)

	_, err = policyfile.Load(strings.NewReader("table:\n  Server: {retries: -1, max: 20}\n  Sever: never\nbase: fleat\n"))
	fmt.Println(err)
	// Output:
	// 5 retries, 2 s to 20 s, x2 / never <nil>
	// policyfile: line 2: table.Server.max: 20: want a duration such as 500ms, 5s or 1m30s
	// policyfile: line 2: table.Server.retries: -1: want >= 0
	// policyfile: line 3: table.Sever: unknown: want Auth, Conflict, Ended, Expired, Network, Other, Quota, Request, Server, Spent or Timeout
	// policyfile: line 4: base: fleat: want default or fleet
}

// TestLoad_theExample: every section does what the package comment says.
func TestLoad_theExample(t *testing.T) {
	want := policy.FleetConfig()
	want.Table[codes.Quota].Retries, want.Table[codes.Quota].Max = 4, time.Minute
	want.Table[codes.Other] = policy.Policy{}
	want.Limits.MaxElapsed = 5 * time.Minute
	want.Budget.Max, want.Budget.Start = 50, 50
	want.Gate.MaxWait = 30 * time.Second
	server := want.Table[codes.Server]
	server.Retries = 1
	want.Methods = []policy.Method{
		{Pattern: "/shop.v1.Catalog/*", Repeatable: new(true), Timeout: 20 * time.Second, Hedge: policy.Hedge{Delay: 200 * time.Millisecond, Attempts: 2}},
		{Pattern: "/shop.v1.Orders/Place", Codes: policy.Codes(grpccodes.Unavailable), Rows: map[codes.Class]policy.Policy{codes.Server: server}},
	}
	if diff := cmp.Diff(want, load(t, example)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLoad_theExampleIsInThePackageComment, as it was tested.
func TestLoad_theExampleIsInThePackageComment(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	comment := strings.ReplaceAll(strings.ReplaceAll(string(doc), "//	", ""), "// ", "")
	if !strings.Contains(comment, strings.TrimSpace(example)) {
		t.Error("the package comment has another example")
	}
}

// TestLoad_languages: the same in other words.
func TestLoad_languages(t *testing.T) {
	want := load(t, "table:\n  Server: {retries: 5, base: 1s}\nmethods:\n- {pattern: /a.S/*, waitForReady: false, codes: [ABORTED, UNKNOWN]}\n")
	for name, text := range map[string]string{
		"JSON":                          `{"table": {"Server": {"retries": 5, "base": "1s"}}, "methods": [{"pattern": "/a.S/*", "waitForReady": false, "codes": ["ABORTED", 2]}]}`,
		"JSON with tabs":                "{\n\t\"table\": {\n\t\t\"Server\": {\"retries\": 5, \"base\": \"1s\"}\n\t},\n\t\"methods\": [{\"pattern\": \"/a.S/*\", \"waitForReady\": false, \"codes\": [10, \"unknown\"]}]\n}\n",
		"YAML that begins as JSON does": `{"table": {Server: {retries: 5, base: 1s}}, methods: [{pattern: /a.S/*, waitForReady: false, codes: [Aborted, Unknown]}]}`,
		"quotes":                        "table:\n  'Server': {\"retries\": 5, base: '1s'}\nmethods:\n- pattern: '/a.S/*'\n  waitForReady: false\n  codes: ['aborted', 2]\n",
		"a byte order mark":             "\ufefftable:\n  Server: {retries: 5, base: 1s}\nmethods:\n- {pattern: /a.S/*, waitForReady: false, codes: [ABORTED, UNKNOWN]}\n",
		"a document marker":             "---\ntable:\n  Server: {retries: 5, base: 1s}\nmethods:\n- {pattern: /a.S/*, waitForReady: false, codes: [ABORTED, UNKNOWN]}\n",
		"sections without anything":     "limits:\nbudget: {}\ngate:\ntable:\n  Quota:\n  Server: {retries: 5, base: 1s}\nmethods:\n- {pattern: /a.S/*, waitForReady: false, codes: [ABORTED, UNKNOWN], limits: }\n",
		"a merge":                       "table:\n  Quota: &b {base: 5s, multiplier: 3}\n  Server: {<<: *b, retries: 5, base: 1s, multiplier: 2}\nmethods:\n- {pattern: /a.S/*, waitForReady: false, codes: [ABORTED, UNKNOWN]}\n",
		"methods before the table":      "methods:\n- {pattern: /a.S/*, waitForReady: false, codes: [ABORTED, UNKNOWN]}\ntable:\n  Server: {retries: 5, base: 1s}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, load(t, text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLoad_rowsOfMethodsBeginAsTheTables, wherever the table stands.
func TestLoad_rowsOfMethodsBeginAsTheTables(t *testing.T) {
	c := load(t, "methods:\n- pattern: /a.S/*\n  table: {Server: {retries: 1}, Quota: never}\ntable:\n  Server: {base: 7s, max: 9s}\n")
	want := map[codes.Class]policy.Policy{
		codes.Server: {Retries: 1, Base: 7 * time.Second, Max: 9 * time.Second, Multiplier: 2},
		codes.Quota:  {},
	}
	if diff := cmp.Diff(want, c.Methods[0].Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLoad_aliases stand for what they name, in its own place.
func TestLoad_aliases(t *testing.T) {
	c := load(t, "methods:\n- &a {pattern: /a.S/*, timeout: 5s, repeatable: true}\n- {<<: *a, pattern: /b.S/*, timeout: 6s}\n- {<<: [*a], pattern: /c.S/*}\n")
	want := []policy.Method{
		{Pattern: "/a.S/*", Timeout: 5 * time.Second, Repeatable: new(true)},
		{Pattern: "/b.S/*", Timeout: 6 * time.Second, Repeatable: new(true)},
		{Pattern: "/c.S/*", Timeout: 5 * time.Second, Repeatable: new(true)},
	}
	if diff := cmp.Diff(want, c.Methods); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := faults(t, "base: &b fleet\nlimits: *b\n"); got[0] != "line 2: limits: fleet: want a section with maxAttempts, maxElapsed or maxServerDelay" {
		t.Errorf("got %q, want the line of the alias", got)
	}
	got := faults(t, "table:\n  Quota: &q {retries: x}\n  Server: *q\n")
	wanted := []string{"line 2: table.Quota.retries: x: want a whole number", "line 2: table.Server.retries: x: want a whole number"}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLoad_manyAliases: a small file cannot stand for more than fits into memory.
func TestLoad_manyAliases(t *testing.T) {
	var text strings.Builder
	text.WriteString("table: &a0 {Server: never}\n")
	for i := range 60 {
		fmt.Fprintf(&text, "x%d: &a%d [*a%d, *a%d]\n", i, i+1, i, i)
	}
	got := faults(t, text.String())
	if want := "more than 1048576 values with its aliases: want a file of policies"; len(got) != 1 || !strings.HasSuffix(got[0], want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLoad_faults: all of them at once, each in its line.
func TestLoad_faults(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"nothing":              {"", []string{"line 1: empty: want base, table, limits, budget, gate, targets, quotas or methods"}},
		"comments alone":       {"# soon\n", []string{"line 1: empty: want base, table, limits, budget, gate, targets, quotas or methods"}},
		"an empty object":      {"{}", []string{"line 1: empty: want base, table, limits, budget, gate, targets, quotas or methods"}},
		"a word":               {"retries", []string{"line 1: retries: want a section with base, budget, gate, limits, methods, quotas, table or targets"}},
		"a list":               {"\n- table", []string{"line 2: a list: want a section with base, budget, gate, limits, methods, quotas, table or targets"}},
		"no YAML":              {"table:\n\tServer: never", []string{"line 2: not YAML: a tab in the indentation: want spaces"}},
		"no JSON":              {"{\"table\": {\n\"Server\": nev}", []string{"line 2: not JSON: invalid character 'e' in literal null (expecting 'u')"}},
		"half of JSON":         {"{\"table\": {\n\"Server\": {", []string{"line 2: not JSON: it ends in the middle"}},
		"two objects":          {"{\"limits\": {\"maxAttempts\": 9}}\n{}", []string{"line 2: more after the end of the object: want one JSON object"}},
		"two documents":        {"limits: {}\n---\nlimits: {}", []string{"line 2: a second document: want one"}},
		"a key that is a list": {"[a]: b", []string{"line 1: a key that is no word: want the name of a field"}},
		"a loop":               {"table: &t\n  Server: *t\n", []string{"line 2: *t: stands within itself"}},
		"a merge of a word":    {"table:\n  Server: {<<: x}\n", []string{"line 2: <<: x: want a section"}},
		"unknown fields": {
			"tabel: {}\nlimits:\n  maxAtempts: 3\nmethods:\n- pattern: /a.S/*\n  retries: 3\n",
			[]string{
				"line 1: tabel: unknown: want base, budget, gate, limits, methods, quotas, table or targets",
				"line 3: limits.maxAtempts: unknown: want maxAttempts, maxElapsed or maxServerDelay",
				"line 6: methods[0].retries: unknown: want codes, hedge, limits, pattern, priority, repeatable, table, targets, timeout or waitForReady",
			},
		},
		"a long value": {
			"base: " + strings.Repeat("ä ", 99) + "\n",
			[]string{"line 1: base: " + strings.Repeat("ä ", 20) + "...: want default or fleet"},
		},
		"given twice": {
			"limits: {}\ntable:\n  Server: never\n  Server: never\nlimits: {}\nmethods:\n- pattern: /a.S/*\n- pattern: /a.S/*\n",
			[]string{
				"line 4: table.Server: given twice, first in line 3: want one",
				"line 5: limits: given twice, first in line 1: want one",
				"line 8: methods[1]: given twice: want one section for each pattern",
			},
		},
		"wrong kinds": {
			"base: 3\ntable: [Server]\nlimits: 5\nbudget:\n  max: many\n  earn: \"1\"\ngate:\n  hints: yes\n  failures: 2.5\nmethods: {pattern: x}\n",
			[]string{
				"line 1: base: 3: want default or fleet",
				"line 2: table: a list: want a section with Auth, Conflict, Ended, Expired, Network, Other, Quota, Request, Server, Spent or Timeout",
				"line 3: limits: 5: want a section with maxAttempts, maxElapsed or maxServerDelay",
				"line 5: budget.max: many: want a number",
				`line 6: budget.earn: "1": want a number`,
				"line 8: gate.hints: yes: want true or false",
				"line 9: gate.failures: 2.5: want a whole number",
				"line 10: methods: a section: want a list of sections, each with a pattern",
			},
		},
		"wrong values": {
			"table:\n  Server: sometimes\n  Quota: {base: 5, jitter: Sideways, retries: }\nmethods:\n- timeout: 1s\n- pattern: [x]\n- pattern: /a\n  codes: UNAVAILABLE\n- pattern: /a.S/*\n  codes: [GONE, OK, {}]\n  repeatable: 1\n-\n",
			[]string{
				"line 2: table.Server: sometimes: want never, or a section with base, jitter, max, multiplier or retries",
				"line 3: table.Quota.base: 5: want a duration such as 500ms, 5s or 1m30s",
				"line 3: table.Quota.jitter: Sideways: want Above, Full, Equal, Symmetric or None",
				"line 3: table.Quota.retries: nothing: want a whole number",
				`line 5: methods[0]: no pattern: want one, such as "/package.Service/Method" or "/package.Service/*"`,
				`line 6: methods[1].pattern: a list: want a pattern, such as "/package.Service/*"`,
				"line 8: methods[2].codes: UNAVAILABLE: want a list of status codes, such as [UNAVAILABLE]",
				`line 7: methods[2].pattern: "/a": want "/package.Service/Method", "/package.Service/*" or "/package.*"`,
				"line 10: methods[3].codes: GONE: want a status code, such as UNAVAILABLE",
				"line 10: methods[3].codes: OK: want a status code of a failure",
				"line 10: methods[3].codes: a section: want a status code, such as UNAVAILABLE",
				"line 11: methods[3].repeatable: 1: want true or false",
				`line 12: methods[4]: no pattern: want one, such as "/package.Service/Method" or "/package.Service/*"`,
			},
		},
		"figures that do not fit each other": {
			"base: default\ntable:\n  Server: {retries: 4, max: 1s}\nlimits:\n  maxAttempts: 4\ngate:\n  probeMax: 1ms\nbudget:\n  start: 200\nmethods:\n- pattern: /a.S/*\n  table:\n    Other: {retries: 9}\n- pattern: /b.S/*\n  limits: {maxAttempts: 2}\n  table: {Quota: {base: 500s}}\n",
			[]string{
				"line 3: table.Server.max: 1s: want >= base 2s",
				"line 3: table.Server.retries: 4: want <= 3 with max attempts 4",
				"line 5: table.Network.retries: 5: want <= 3 with max attempts 4",
				"line 5: table.Timeout.retries: 5: want <= 3 with max attempts 4",
				"line 7: gate.probeMax: 1ms: want >= probe base 500ms",
				"line 9: budget.start: 200: want 0 to max 100",
				"line 13: methods[0].table.Other.retries: 9: want <= 3 with max attempts 4",
				"line 15: methods[1].table.Server.retries: 4: want <= 1 with max attempts 2",
				"line 15: methods[1].table.Network.retries: 5: want <= 1 with max attempts 2",
				"line 15: methods[1].table.Timeout.retries: 5: want <= 1 with max attempts 2",
				"line 15: methods[1].table.Other.retries: 3: want <= 1 with max attempts 2",
				"line 15: methods[1].table.Quota.retries: 2: want <= 1 with max attempts 2",
				"line 16: methods[1].table.Quota.max: 2m0s: want >= base 8m20s",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(sorted(tt.want), sorted(faults(t, tt.text))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// sorted leaves the order of faults in one line open.
func sorted(lines []string) []string {
	return slices.Sorted(slices.Values(lines))
}

// TestLoadFile_namesTheFile in every fault, and says what is wrong with the file
// itself.
func TestLoadFile_namesTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "retries.yaml")
	write(t, path, "limits:\n  maxAttempts: -1\n")
	_, err := policyfile.LoadFile(path)
	fault, ok := errors.AsType[*policyfile.Error](err)
	want := &policyfile.Error{File: path, Line: 2, Field: "limits.maxAttempts", Problem: "-1: want >= 1, or 0 for the default"}
	if !ok || !cmp.Equal(fault, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	broken := filepath.Join(dir, "broken.yaml")
	write(t, broken, "limits: [\n")
	if _, err := policyfile.LoadFile(broken); err == nil || !strings.HasPrefix(err.Error(), "policyfile: "+broken+":") {
		t.Errorf("got %v, want the name of a file that is no YAML", err)
	}
	if _, err := policyfile.Load(f); err == nil || err.Error() != "policyfile: "+path+":2: limits.maxAttempts: -1: want >= 1, or 0 for the default" {
		t.Errorf("got %v from an open file, want its name and line", err)
	}
	for name, want := range map[string]string{"none.yaml": "no such file or directory", ".": "is a directory"} {
		path := filepath.Join(dir, name)
		if _, err := policyfile.LoadFile(path); err == nil || err.Error() != "policyfile: "+path+": "+want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	write(t, path, strings.Repeat("# much\n", policyfile.MaxSize/7+1))
	if _, err := policyfile.LoadFile(path); err == nil || !strings.HasSuffix(err.Error(), "larger than 1048576 bytes: want a file of policies") {
		t.Errorf("got %v, want an error of the size", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
