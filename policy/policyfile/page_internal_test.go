package policyfile

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

var update = flag.Bool("update", false, "write the tables of fields in docs/policy-files.md anew")

// TestFields_page: docs/policy-files.md has every field that the decoder knows, with the
// range that a file with a wrong value is told and the default.
func TestFields_page(t *testing.T) {
	const page, begin, end = "../../docs/policy-files.md", "<!-- fields: begin -->\n", "<!-- fields: end -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the fields", page)
	}
	if interval := fmt.Sprintf("every %.0f s", DefaultInterval.Seconds()); !strings.Contains(before, interval) {
		t.Errorf("the page does not say that Watch reads a file %s", interval)
	}
	want := before + begin + fieldTables(t) + end + after
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

// fieldTables returns the tables as the page shows them.
func fieldTables(t *testing.T) string {
	t.Helper()
	def, fleet := policy.DefaultConfig(), policy.FleetConfig()
	limits, gate, fleetGate := def.Limits.Effective(&def.Table), def.Gate.Effective(), fleet.Gate.Effective()
	var b strings.Builder
	for _, s := range []struct {
		name, file     string // a file with %s in the place of a field
		fields, fleets []field
	}{
		{"A row of `table`: `never`, or", "table: {Server: {%s}}", rowFields(&policy.Policy{}), nil},
		{"`limits`", "limits: {%s}", limitFields(&limits), nil},
		{"`budget`", "budget: {%s}", budgetFields(&def.Budget), budgetFields(&fleet.Budget)},
		{"`gate`", "gate: {%s}", gateFields(&gate), gateFields(&fleetGate)},
		{"An entry of `targets`, at the top or of a method", "targets: [{%s}]", placeFields(&policy.Place{}), nil},
		{"An entry of `quotas`", "quotas: [{pattern: x, %s}]", quotaFields(&policy.Quota{}), nil},
		{"An entry of `methods`", "methods: [{pattern: /a.S/M, %s}]", methodFields(&policy.Method{}), nil},
		{"`hedge` of a method", "methods: [{pattern: /a.S/M, hedge: {%s}}]", hedgeFields(&policy.Hedge{}), nil},
	} {
		fmt.Fprintf(&b, "%s:\n\n| field | unit | range | default | meaning |\n|---|---|---|---|---|\n", s.name)
		if s.fields[0].name == "codes" {
			fmt.Fprintf(&b, "| `pattern` | name | %s | required | the methods; the longest pattern counts |\n", cell(wanted(t, "methods: [{pattern: x}]")))
		}
		for i, f := range s.fields {
			if f.name == "pattern" && s.fields[0].name == "pattern" {
				fmt.Fprintf(&b, "| `pattern` | words | %s | required | a name in the key of calls, `*` for any letters |\n", cell(wanted(t, `quotas: [{requests: 1}]`)))
				continue
			}
			n, known := notes[f.name]
			if of, special := notes[strings.Trim(s.name, "`")+"."+f.name]; special {
				n, known = of, true
			}
			if !known {
				t.Errorf("nothing is noted of %s of %s", f.name, s.name)
			}
			standard := n.standard
			if standard == "" {
				standard = f.text()
			}
			if s.fleets != nil && s.fleets[i].text() != f.text() {
				standard += "; fleet " + s.fleets[i].text()
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.name, n.unit, cell(bounds(t, s.file, f)), standard, n.meaning)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// bounds returns what the decoder wants of a field, from what it says of values that are
// wrong.
func bounds(t *testing.T, file string, f field) string {
	t.Helper()
	values := []string{"x"}
	switch f.to.(type) {
	case *int, *int64, *float64:
		values = []string{"-1", "1000000000000"}
	case *bool, **bool:
		return "true, false"
	case *string:
		values = []string{"[]"}
	case *policy.Jitter, *policy.Priority, *policy.CodeSet:
	default:
		values = []string{"-1s"}
	}
	var all []string
	for _, v := range values {
		if want := wanted(t, fmt.Sprintf(file, f.name+": "+v)); want != "" && !slices.Contains(all, want) {
			all = append(all, want)
		}
	}
	if len(all) == 0 {
		t.Errorf("every value of %s is taken", f.name)
	}
	return strings.Join(all, ", ")
}

// wanted returns what Load wants instead of a value of a file, or "" if it takes the file.
func wanted(t *testing.T, file string) string {
	t.Helper()
	_, err := Load(strings.NewReader(file))
	if err == nil {
		return ""
	}
	_, want, found := strings.Cut(err.Error(), ": want ")
	if !found {
		t.Fatalf("%s: %v", file, err)
	}
	want, _, _ = strings.Cut(want, "\n")
	return regexp.MustCompile(`,? or 0s? for (the default|none|no limit|a minute)|, the first included`).ReplaceAllString(
		regexp.MustCompile(`(base|max) \d\S*`).ReplaceAllString(want, "`$1`"), "")
}

// cell returns a range as a cell has it.
func cell(text string) string { return strings.TrimSuffix(strings.ReplaceAll(text, "|", `\|`), ",") }

// note is what the decoder does not know of a field. An empty standard is the value of
// the default configuration.
type note struct{ unit, standard, meaning string }

// notes are those of all fields, by name, or by section and name where two have it.
var notes = map[string]note{
	"requests":        {"requests", "no limit", "the most in a window"},
	"tokens":          {"tokens", "no limit", "the most in a window, as `WithCost` counts"},
	"items":           {"items", "no limit", "the most in a window, as `WithCost` counts"},
	"window":          {"duration", "1m", "the time for which the limits hold, rolling"},
	"model":           {"name", "none", "another model for calls; this or `region`"},
	"region":          {"name", "none", "another region for calls; this or `model`"},
	"retries":         {"retries", "by class", "the most for this class, the first attempt not counted"},
	"base":            {"duration", "by class", "the backoff before the first retry"},
	"max":             {"duration", "by class", "the longest backoff"},
	"multiplier":      {"factor", "by class", "growth of the backoff for each retry"},
	"jitter":          {"name", "Above", "spread of the waits"},
	"maxAttempts":     {"attempts", "8, or the largest row + 1", "the most for a call, the first included"},
	"maxElapsed":      {"duration", "", "no attempt starts later after the end of the first"},
	"maxServerDelay":  {"duration", "", "the longest delay of a server to be waited out; more ends the call"},
	"budget.max":      {"tokens", "", "the most held; a retry costs 1"},
	"start":           {"tokens", "", "held at first"},
	"earn":            {"tokens", "", "earned by a success"},
	"earnedMax":       {"tokens", "", "the most held for retries after an attempt timeout"},
	"earnedEarn":      {"tokens", "", "earned by a success for these retries"},
	"earnedStart":     {"tokens", "", "pays for such a retry before any success has, after 30 s without an answer"},
	"hints":           {"boolean", "", "a refusal by a quota with a known time closes the gate"},
	"probes":          {"boolean", "", "other refusals and a server in trouble close the gate, and probes reopen the gate"},
	"maxWait":         {"duration", "", "the longest wait of a call without a deadline"},
	"spread":          {"share", "", "of a hint, added at random"},
	"minSpread":       {"duration", "", "the least added"},
	"again":           {"duration", "", "added at random after a hint and a second refusal"},
	"probeBase":       {"duration", "", "the wait before the first probe"},
	"probeMultiplier": {"factor", "", "growth of the wait for each probe"},
	"probeMax":        {"duration", "", "the longest wait before a probe"},
	"probeShare":      {"calls", "", "arriving for each probe"},
	"headroom":        {"factor", "", "pace of a reopening over the accepted pace"},
	"growth":          {"doublings", "", "of the pace in the time of the last cycle, without a refusal"},
	"margin":          {"latencies", "", "left to a call when its turn comes"},
	"failures":        {"calls", "", "failed in a row: trouble"},
	"healthy":         {"calls", "", "succeeded in the minute before, the least for trouble"},
	"recovery":        {"factor", "", "pace after trouble over the pace before"},
	"regrowth":        {"doublings", "", "as `growth`, after trouble"},
	"slow":            {"latencies", "", "beyond these the pace stops growing"},
	"inFlight":        {"factor", "", "calls under way after trouble over pace times latency"},
	"codes":           {"list", "all", "the only status codes to be retried"},
	"repeatable":      {"boolean", "what is known of the method", "the method may run twice"},
	"timeout":         {"duration", "none", "of a call with all its attempts"},
	"waitForReady":    {"boolean", "the choice of the call", "an attempt waits for a connection"},
	"priority":        {"name", "normal", "who goes first of the calls that wait for a quota"},
	"delay":           {"duration", "0s", "between two attempts"},
	"attempts":        {"attempts", "the figure of the connection", "the most at once, the first included; 1 for no hedges"},
}
