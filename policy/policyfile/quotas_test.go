package policyfile_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestLoad_quotas: a file has limits that are known in advance; a written file gives them back.
func TestLoad_quotas(t *testing.T) {
	c := load(t, "quotas:\n- pattern: models/gemini-2.5-*\n  requests: 1000\n  tokens: 1000000\n- {pattern: 'models/embedding-* project=p', items: 3000000000, window: 24h}\n")
	want := policy.DefaultConfig()
	want.Quotas = []policy.Quota{
		{Pattern: "models/gemini-2.5-*", Requests: 1000, Tokens: 1_000_000},
		{Pattern: "models/embedding-* project=p", Items: 3_000_000_000, Window: 24 * time.Hour},
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

// TestLoad_quotaFaults: each at its line.
func TestLoad_quotaFaults(t *testing.T) {
	for text, want := range map[string][]string{
		"quotas: 60\n": {`line 1: quotas: 60: want a list of limits, such as "- {pattern: models/gemini-2.5-*, requests: 1000}"`},
		"quotas:\n- 60\n- requests: 60\n- pattern: a\n- {pattern: b, requests: 1}\n- pattern: b\n  tokens: 1\n": {
			"line 2: quotas[0]: 60: want a section with items, pattern, requests, tokens or window",
			`line 2: quotas[0].pattern: "": want a name in the key of calls, such as "models/gemini-2.5-*"`,
			"line 2: quotas[0]: no limit: want requests, tokens or items",
			`line 3: quotas[1].pattern: "": want a name in the key of calls, such as "models/gemini-2.5-*"`,
			"line 4: quotas[2]: no limit: want requests, tokens or items",
			"line 6: quotas[4].pattern: b: given twice for 1m0s: want one limit for each window",
		},
		"quotas:\n- pattern: a\n  requests: \"60\"\n  tokens: 1.5\n  items: 99999999999999999999\n  window: 5\n": {
			`line 3: quotas[0].requests: "60": want a whole number`,
			"line 4: quotas[0].tokens: 1.5: want a whole number",
			"line 5: quotas[0].items: 99999999999999999999: want a whole number",
			"line 6: quotas[0].window: 5: want a duration such as 500ms, 5s or 1m30s",
			"line 2: quotas[0]: no limit: want requests, tokens or items",
		},
		"quotas:\n- pattern: a\n  requests: -1\n  tokens: -2\n  items: -3\n  window: 900ms\n": {
			"line 3: quotas[0].requests: -1: want > 0, or 0 for no limit",
			"line 4: quotas[0].tokens: -2: want > 0, or 0 for no limit",
			"line 5: quotas[0].items: -3: want > 0, or 0 for no limit",
			"line 6: quotas[0].window: 900ms: want 1s to 744h, or 0s for a minute",
		},
		"quotas:\n- {pattern: a, rpm: 60, requests: 60}\n": {"line 2: quotas[0].rpm: unknown: want items, pattern, requests, tokens or window"},
	} {
		if diff := cmp.Diff(sorted(want), sorted(faults(t, text))); diff != "" {
			t.Errorf("%s(-want +got):\n%s", text, diff)
		}
	}
}
