package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/policy"
)

// classes are the names of all classes but None.
func classes() []string {
	var names []string
	for class := codes.None + 1; class < codes.NumClasses; class++ {
		names = append(names, class.String())
	}
	return names
}

func TestDemo_everyCallEndsAsThePolicySays(t *testing.T) {
	t.Parallel()
	began := time.Now()
	got := runArgs(t)
	wantStatus(t, got, exit.OK)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v, want 30 s at most", took)
	}
	wantContains(t, got.out, "delays divided by 10", "24 of 24 scenes ended as they should", policy.Default()[codes.Quota].Jitter.String())
	wantContains(t, got.out, strings.TrimSpace(strings.SplitN(server.Table().String(), "\n", 3)[1])) // the row of Quota, with its waits
	_, closing, _ := strings.Cut(got.out, "class     calls  attempts")
	for _, class := range classes() {
		wantContains(t, closing, "\n"+class+" ")
	}
	wantContains(t, got.out, "the gate is closed for ", "the gate is open: ", "24 of 24 calls answered with ", "waited at the gate: as the policy says", "without the gate: 24 of 24 calls answered with ")
	if strings.ContainsAny(got.out, "\x1b\r") {
		t.Error("escape codes or redrawn lines where there is no terminal")
	}
	if got.errs != "" {
		t.Errorf("standard error: %q, want nothing", got.errs)
	}
}

func TestDemo_jsonLines(t *testing.T) {
	t.Parallel()
	got := runArgs(t, "-json")
	wantStatus(t, got, exit.OK)
	all := objects(t, got.out)
	count := map[any]int{}
	for _, o := range all {
		count[o["type"]]++
		if o["type"] == "call" && o["expected"] != true {
			t.Errorf("not as expected: %v", o)
		}
	}
	crowd, _ := all[slices.IndexFunc(all, func(o map[string]any) bool { return o["type"] == "call" && o["crowd"] != nil })]["crowd"].(map[string]any)
	if crowd["answered"] != 24.0 || crowd["requests"].(float64) > crowd["requests_without_gate"].(float64) || count["gate"] < 2 {
		t.Errorf("crowd: %v, and %d changes of the gate; want all answered, with fewer requests than without it", crowd, count["gate"])
	}
	if count["policy"] != 1 || count["call"] != 24 || count["summary"] != 1 || count["attempt"] <= count["call"] {
		t.Errorf("lines by type: %v", count)
	}
	summary := all[len(all)-1]
	if summary["type"] != "summary" || summary["unexpected"] != 0.0 {
		t.Errorf("last line: %v, want a summary without anything unexpected", summary)
	}
	wantContains(t, got.out, `"Quota"`, `"Ended"`, `"wait":`)
}

func TestDemo_interrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &buffer{onWrite: func(all string) {
		if strings.Contains(all, "again in") {
			cancel()
		}
	}}
	got := runWorld(ctx, app.World{Out: out})
	wantStatus(t, got, exit.Interrupted)
	wantContains(t, out.String(), "Interrupted.")
}
