package policyfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestLoad_otherLoader: who hands a file to the wrong function is told which one it is
// meant for, and of nothing else in it.
func TestLoad_otherLoader(t *testing.T) {
	const service, policyFile = "stands in a gRPC service config: want a policy file, or FromServiceConfig to read it",
		"stands in a policy file: want a gRPC service config, or Load, LoadFile or Watch to read it"
	for text, want := range map[string]string{
		published: "line 2: methodConfig: " + service,
		"{\"version\": 1,\n\"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 1}}": "line 2: retryThrottling: " + service,
		`{"loadBalancingConfig": [{"round_robin": {}}]}`:                                 "line 1: loadBalancingConfig: " + service,
		`{"MethodConfig": []}`:                "line 1: MethodConfig: " + service,
		"methodConfig:\n- name: [{}]\n":       "line 1: methodConfig: " + service,
		"base: fleet\nmethodConfig: []\n":     "line 2: methodConfig: unknown: want base, budget, gate, limits, methods, quotas, table or targets",
		`{"method_config": []}`:               "line 1: method_config: unknown: want base, budget, gate, limits, methods, quotas, table or targets",
		"table:\n  Server: never\ngate: 5 \n": "line 3: gate: 5: want a section with again, failures, ",
	} {
		if got := faults(t, text); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("Load %s\n got %q\nwant %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		example:                             "line 2: base: " + policyFile,
		"# ours\ntable: {Server: never}":    "line 2: table: " + policyFile,
		`{"version": 1, "methods": []}`:     "line 1: methods: " + policyFile,
		`{"limits": {}, "methodConfig": 1}`: "line 1: limits: unknown: want healthCheckConfig, ",
		"methodConfig: []":                  "line 1: not JSON: invalid character 'm' looking for beginning of value",
		"hello: [":                          "line 1: not JSON: invalid character 'h' looking for beginning of value",
	} {
		_, err := policyfile.FromServiceConfig(strings.NewReader(text))
		if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), "policyfile: ", ""), want) {
			t.Errorf("FromServiceConfig %s\n got %v\nwant %q", text, err, want)
		}
	}
}

// TestLoad_emptyTable is no table: its rows are missing, or are not indented.
func TestLoad_emptyTable(t *testing.T) {
	const want = `empty: want a row for a class, as "Server: {retries: 2}", or no table`
	for text, at := range map[string]string{
		"table:\n":                "line 1: table: ",
		"limits: {}\ntable: {}\n": "line 2: table: ",
		`{"table": null}`:         "line 1: table: ",
		"methods:\n- pattern: /a.S/*\n  table:\n":        "line 3: methods[0].table: ",
		"methods:\n- {pattern: /a.S/*,\n   table: {}}\n": "line 3: methods[0].table: ",
	} {
		if diff := cmp.Diff([]string{at + want}, faults(t, text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestLoad_tabs are named, however the parser calls them.
func TestLoad_tabs(t *testing.T) {
	for text, line := range map[string]string{
		"table:\n\tServer: never": "line 2",
		"\ttable:\n":              "line 1",
		"limits:\n  maxAttempts: 9\n\tmaxElapsed: 5m\n":         "line 3",
		"limits:\n  maxAttempts: 9\n  \tmaxElapsed: 5m\n":       "line 3",
		"limits:\n \tmaxAttempts: 9\n":                          "line 2",
		"methods:\n-\tpattern: /a.S/*\n\ttimeout: 1s\n":         "line 2",
		"methods:\n- pattern: /a.S/*\n\ttimeout: 1s\n":          "line 3",
		"table:\r\n\tServer: never\r\n":                         "line 2",
		"limits: {maxAttempts: 9}\n---\ntable:\n\tQuota: never": "line 4",
	} {
		if diff := cmp.Diff([]string{line + ": not YAML: a tab in the indentation: want spaces"}, faults(t, text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	const elsewhere = "table: {\n\tServer: never }\nlimits: [\n" // the tab is not what is wrong
	if got := faults(t, elsewhere); len(got) != 1 || strings.Contains(got[0], "tab") {
		t.Errorf("got %q, want no word of a tab", got)
	}
}
