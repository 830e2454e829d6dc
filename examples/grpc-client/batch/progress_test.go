package batch

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// TestBatch_progressLines: where there is no terminal, a line comes every 5 s, also while
// all prompts wait for the quota.
func TestBatch_progressLines(t *testing.T) {
	t.Parallel()
	var messages bytes.Buffer
	b := &Batch{Parallel: 4, Results: io.Discard, Screen: terminal.New(terminal.NewOutput(&messages), false, nothing)}
	took := inBubble(t, server.Quota{Requests: 10}, b, 25) // into the third minute
	lines := 0
	for text := range strings.Lines(messages.String()) {
		if strings.HasPrefix(text, "asking: ") {
			lines++
		}
	}
	if want := int(took / (5 * time.Second)); lines != want || took < 2*time.Minute {
		t.Errorf("%d lines in %v, want %d:\n%s", lines, took, want, messages.String())
	}
	if !strings.Contains(messages.String(), " of 25 (") || !strings.Contains(messages.String(), "25 prompts asked: 25 answered, 0 failed; ") {
		t.Errorf("got\n%s\nwant counts", messages.String())
	}
}

// TestBatch_jsonLines: with -json every line is an object with a type, and the last
// progress and the summary agree with the results.
func TestBatch_jsonLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	inBubble(t, server.Quota{Requests: 10}, &Batch{Parallel: 4, Results: terminal.NewOutput(&out), JSON: true}, 25)
	count := map[string]int{}
	var attempts, lastDone int
	var last summary
	for text := range strings.Lines(out.String()) {
		var of struct {
			Type           string
			Attempts, Done int
			Prompts        int
		}
		if err := json.Unmarshal([]byte(text), &of); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		count[of.Type]++
		switch of.Type {
		case "result":
			attempts += of.Attempts
		case "progress":
			if of.Done < lastDone || of.Prompts != 25 {
				t.Errorf("%s after %d prompts were done, want more of 25", text, lastDone)
			}
			lastDone = of.Done
		case "summary":
			if err := json.Unmarshal([]byte(text), &last); err != nil {
				t.Error(err)
			}
		}
	}
	if count["batch"] != 1 || count["result"] != 25 || count["progress"] < 20 || count["summary"] != 1 || lastDone == 0 {
		t.Errorf("lines by type: %v, %d prompts done in the last progress", count, lastDone)
	}
	retries := attempts - 25
	want := summary{
		Type: "summary", Reasons: []reason{},
		counts: counts{Asked: 25, Answered: 25, Attempts: attempts, Retries: retries, Waited: last.Waited, GateClosed: last.GateClosed, GateHeld: last.GateHeld},
	}
	if diff := cmp.Diff(want, last, cmp.AllowUnexported(summary{})); diff != "" || last.GateClosed == 0 || last.Waited == 0 {
		t.Errorf("summary %+v: %s", last, diff)
	}
}

// TestReasons: texts that differ in figures alone are one reason; the most frequent comes
// first.
func TestReasons(t *testing.T) {
	all := reasons{}
	for _, r := range []reason{
		{Class: "Auth", Error: "bad key"}, {Class: "Spent", Error: "limit 20, retry in 2.4s"}, {Class: "Spent", Error: "limit 20, retry in 17s"}, {Error: "bad key"},
	} {
		all.add(r.Class, r.Error)
	}
	want := []reason{{"Spent", "limit 20, retry in 2.4s", 2}, {"", "bad key", 1}, {"Auth", "bad key", 1}}
	if diff := cmp.Diff(want, all.sorted()); diff != "" {
		t.Error(diff)
	}
}

// TestText_reasons: ten lines, and how many prompts failed for other reasons.
func TestText_reasons(t *testing.T) {
	var out bytes.Buffer
	all := []reason{{"Spent", strings.Repeat("x", 200), 7}, {"", "no answer", 2}}
	for range 10 {
		all = append(all, reason{"Server", "e", 1})
	}
	(&text{Screen: terminal.New(&out, false, nothing)}).reasons(all)
	got := strings.Split(out.String(), "\n")
	if len(got) != 13 || got[0] != "Failed:" || len(got[1]) > 110 || !strings.HasPrefix(got[1], "     7  Spent    xxx") ||
		got[2] != "     2  (none)   no answer" || got[11] != "     2  for other reasons" {
		t.Errorf("got\n%s", out.String())
	}
}
