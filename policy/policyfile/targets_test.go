package policyfile_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestLoad_targets: a file names models and regions, for all calls and for those of a
// method; a written file gives them back.
func TestLoad_targets(t *testing.T) {
	c := load(t, "targets:\n- model: models/gemini-2.5-flash\n- region: us-east1\nmethods:\n- {pattern: /a.S/*, targets: [{model: lite}]}\n- {pattern: /b.S/*, targets: []}\n- pattern: /c.S/*\n")
	want := policy.DefaultConfig()
	want.Targets = []policy.Place{{Model: "models/gemini-2.5-flash"}, {Region: "us-east1"}}
	want.Methods = []policy.Method{
		{Pattern: "/a.S/*", Targets: []policy.Place{{Model: "lite"}}}, {Pattern: "/b.S/*", Targets: []policy.Place{}}, {Pattern: "/c.S/*"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	file, err := policyfile.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := policyfile.Load(bytes.NewReader(file))
	if diff := cmp.Diff(want, again); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s\n%s", err, diff, file)
	}
}

// TestLoad_targetFaults: each at its line.
func TestLoad_targetFaults(t *testing.T) {
	for text, want := range map[string][]string{
		"targets: flash\n": {`line 1: targets: flash: want a list of targets, such as "- model: models/gemini-2.5-flash"`},
		"targets:\n- flash\n- model: a\n  region: b\n- model: c\n- model: c\n": {
			"line 2: targets[0]: flash: want a section with model or region",
			"line 2: targets[0]: want a model or a region, one of them",
			"line 3: targets[1]: want a model or a region, one of them",
			"line 6: targets[3]: model c: given twice: want each once",
		},
		"targets:\n- {model: [], zone: x}\n": {
			"line 2: targets[0].model: a list: want a name",
			"line 2: targets[0].zone: unknown: want model or region",
			"line 2: targets[0]: want a model or a region, one of them",
		},
		"methods:\n- pattern: /a.S/*\n  targets:\n  - {region: \"\"}\n": {
			`line 4: methods[0].targets[0].region: "": want a name`,
			"line 4: methods[0].targets[0]: want a model or a region, one of them",
		},
	} {
		if diff := cmp.Diff(sorted(want), sorted(faults(t, text))); diff != "" {
			t.Errorf("%s(-want +got):\n%s", text, diff)
		}
	}
}
