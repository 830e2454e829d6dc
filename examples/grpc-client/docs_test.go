package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
)

// TestDocs_fields: the page lists every field that -json prints.
func TestDocs_fields(t *testing.T) {
	t.Parallel()
	page := readFile(t, "../../docs/program.md")
	listed := map[string][]string{} // names, by mode and type
	mode := ""
	for _, row := range regexp.MustCompile("(?m)^\\| ([^|]*)\\| `(\\w+)` \\| (.*) \\|$").FindAllStringSubmatch(page, -1) {
		if of := strings.TrimSpace(row[1]); of != "" {
			mode = of
		}
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[3], -1) {
			listed[mode+" "+row[2]] = append(listed[mode+" "+row[2]], name[1])
		}
	}
	listed["`-prompts` progress"] = append(listed["`-prompts` progress"], listed["`-prompts` summary"]...)
	prompts := writeFile(t, "prompts", "hello\n!daily\n!midway\n")
	seen := 0
	for _, test := range []struct {
		mode string
		args []string
		want int
	}{
		{"demo, `-endpoint`", []string{"-json"}, exit.OK},
		{"`-prompts`", []string{"-prompts", prompts, "-json", "-stream"}, exit.Failed},
		{"`-explain`", []string{"-explain", "RESOURCE_EXHAUSTED: quota", "-json"}, exit.OK},
		{"`-explain`", []string{"-explain", `{"error": {"code": 429, "message": "m", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "9s"}]}}`, "-json", "-method", "/a.S/M"}, exit.OK},
	} {
		got := runArgs(t, test.args...)
		wantStatus(t, got, test.want)
		for _, o := range objects(t, got.out) {
			of, _ := o["type"].(string)
			for _, name := range fieldsOf(o) {
				seen++
				if name != "type" && !slices.Contains(listed[test.mode+" "+of], name) {
					t.Errorf("%s, %s: the page does not list %s", test.mode, of, name)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d fields were seen, want at least 100", seen)
	}
}

// fieldsOf returns the names of an object's fields, with those of rows, reasons, retries
// and the gate.
func fieldsOf(o map[string]any) (names []string) {
	for name, value := range o {
		names = append(names, name)
		if !slices.Contains([]string{"rows", "reasons", "retries", "gate"}, name) {
			continue
		}
		inner, ok := value.([]any)
		if !ok {
			inner = []any{value}
		}
		for _, v := range inner {
			if o, ok := v.(map[string]any); ok {
				names = append(names, fieldsOf(o)...)
			}
		}
	}
	return names
}
