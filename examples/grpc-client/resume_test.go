package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// answerAll is a server without failures.
func answerAll(string, string, int) server.Step { return server.Step{} }

// fresh returns the name of a file that there is not yet.
func fresh(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "out.jsonl")
}

func wantNoFile(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want no such file", path, err)
	}
}

// TestResume_goesOnWhereItStopped interrupts a run while the server keeps
// silent about one prompt in four, with nothing left for the calls in flight.
func TestResume_goesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	const n = 12
	text := manyPrompts(n)
	prompts, out := writeFile(t, "prompts", text), fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	silent := 0
	g := newService(t, func(_, prompt string, attempt int) server.Step { // one at a time
		var i int
		_, _ = fmt.Sscanf(prompt, "prompt %d", &i)
		if i%4 != 1 || attempt > 1 || ctx.Err() != nil {
			return server.Step{}
		}
		if silent++; silent == 2 { // the others have been asked by those that were free
			cancel()
		}
		return server.Step{Hang: true}
	})

	args := []string{"-prompts", prompts, "-out", out, "-parallel", "2"}
	first := g.run(ctx, 0, args...)
	wantStatus(t, first, exit.Interrupted)
	wantContains(t, first.errs, "Interrupted", "left: the same command again goes on from here")
	wantNoFile(t, out+".part")
	done := records(t, readFile(t, out))
	if len(done) == 0 || len(done) >= n-1 {
		t.Fatalf("%d prompts done in the first run, want some", len(done))
	}

	second := g.run(t.Context(), 0, args...)
	wantStatus(t, second, exit.OK)
	wantContains(t, second.errs, fmt.Sprintf("%d of %d prompts done before", len(done), n))
	wantInOrder(t, records(t, readFile(t, out)), text)
	for _, r := range done {
		g.wantSeen(r.Prompt, 1)
	}

	before := readFile(t, out)
	third := g.run(t.Context(), 0, args...)
	wantStatus(t, third, exit.OK)
	wantContains(t, third.errs, "nothing to ask")
	if readFile(t, out) != before {
		t.Error("the results have changed though nothing was asked")
	}
	for _, r := range records(t, before) {
		if seen := g.Seen("models/"+gemini.DefaultModel, r.Prompt); seen > 2 {
			t.Errorf("the server was asked %q %d times", r.Prompt, seen)
		}
	}
}

// TestResume_callsInFlightMayEnd interrupts a run while a call is at the
// server, which then answers: the answer counts.
func TestResume_callsInFlightMayEnd(t *testing.T) {
	t.Parallel()
	prompts, out := writeFile(t, "prompts", "one\ntwo\n"), fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := newService(t, func(string, string, int) server.Step {
		cancel()
		return server.Step{}
	})
	args := []string{"-prompts", prompts, "-out", out, "-parallel", "1"}
	wantStatus(t, g.run(ctx, time.Minute, args...), exit.Interrupted)
	if done := records(t, readFile(t, out)); len(done) != 1 || done[0].Prompt != "one" {
		t.Errorf("%+v, want the answer to the prompt in flight", done)
	}
	wantStatus(t, g.run(t.Context(), time.Minute, args...), exit.OK)
	g.wantSeen("one", 1)
	g.wantSeen("two", 1)
}

// TestResume_afterACrash leaves the files behind that a run does which is
// killed at the worst moments.
func TestResume_afterACrash(t *testing.T) {
	t.Parallel()
	text := "one\ntwo\nthree\nfour\n"
	for name, crash := range map[string]struct {
		keep  int    // lines of the results that stay in the file
		part  int    // lines that are in the journal instead, from the end on
		tail  string // what the journal ends in
		asked int    // prompts that are asked again
	}{
		"with an empty journal":          {0, 0, "", 4},
		"while the first line was torn":  {0, 0, `{"line":1,"server"`, 4},
		"with a journal":                 {0, 3, "", 1},
		"while a line was torn":          {0, 3, `{"line":1,"server":"127.`, 1},
		"while a line was barely begun":  {0, 3, `{`, 1},
		"with zeros at the end":          {0, 3, "\x00\x00\x00", 1},
		"in a later run":                 {2, 1, `{"li`, 1},
		"before the journal was removed": {4, 4, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newService(t, answerAll)
			prompts, out := writeFile(t, "prompts", text), fresh(t)
			args := []string{"-prompts", prompts, "-out", out}
			wantStatus(t, g.run(t.Context(), 0, args...), exit.OK)
			whole := readFile(t, out)
			lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
			lines[3] += "\n"
			rewrite(t, out, strings.Join(lines[:crash.keep], ""))
			rewrite(t, out+".part", strings.Join(lines[4-crash.part:], "")+crash.tail)

			wantStatus(t, g.run(t.Context(), 0, args...), exit.OK)
			if got := readFile(t, out); got != whole {
				t.Errorf("results:\n%swant:\n%s", got, whole)
			}
			wantNoFile(t, out+".part")
			asked := 0
			for prompt := range strings.Lines(text) {
				asked += g.Seen("models/"+gemini.DefaultModel, strings.TrimSpace(prompt)) - 1
			}
			if asked != crash.asked {
				t.Errorf("%d prompts asked again, want %d", asked, crash.asked)
			}
		})
	}
}

// rewrite replaces a file, or removes it if there is nothing to write.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o600)
	if text == "" {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestResume_doesNotMix(t *testing.T) {
	t.Parallel()
	g := newService(t, answerAll)
	for name, test := range map[string]struct {
		prompts string
		args    []string
		want    []string
	}{
		"a prompt has changed":    {"one\nTWO\n", nil, []string{"-prompts", "line 2"}},
		"a prompt has gone":       {"one\n", nil, []string{"-prompts", "line 2"}},
		"a line was put in":       {"\none\ntwo\n", nil, []string{"-prompts", "line 1"}},
		"another model was named": {"one\ntwo\n", []string{"-model", "other"}, []string{"-model", "models/" + gemini.DefaultModel}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := fresh(t)
			wantStatus(t, g.run(t.Context(), 0, "-prompts", writeFile(t, "prompts", "one\ntwo\n"), "-out", out), exit.OK)
			before := readFile(t, out)
			got := g.run(t.Context(), 0, append([]string{"-prompts", writeFile(t, "prompts", test.prompts), "-out", out}, test.args...)...)
			wantStatus(t, got, exit.Misused)
			wantContains(t, got.errs, append(test.want, "another -out")...)
			if strings.Count(got.errs, "\n") != 1 {
				t.Errorf("standard error: %q, want one line", got.errs)
			}
			if readFile(t, out) != before {
				t.Error("the results were changed")
			}
			wantNoFile(t, out+".part")
		})
	}
	t.Run("another server was named", func(t *testing.T) {
		t.Parallel()
		prompts, out := writeFile(t, "prompts", "one\n"), fresh(t)
		wantStatus(t, runArgs(t, "-prompts", prompts, "-out", out), exit.OK)
		got := g.run(t.Context(), 0, "-prompts", prompts, "-out", out)
		wantStatus(t, got, exit.Misused)
		wantContains(t, got.errs, "-endpoint", "embedded", "another -out")
	})
}

func TestResume_promptsMayBeAdded(t *testing.T) {
	t.Parallel()
	g := newService(t, answerAll)
	out := fresh(t)
	wantStatus(t, g.run(t.Context(), 0, "-prompts", writeFile(t, "prompts", "one\n"), "-out", out), exit.OK)
	wantStatus(t, g.run(t.Context(), 0, "-prompts", writeFile(t, "prompts", "one\n\ntwo\n"), "-out", out), exit.OK)
	wantInOrder(t, records(t, readFile(t, out)), "one\n\ntwo\n")
	g.wantSeen("one", 1)
	g.wantSeen("two", 1)
}

func TestResume_failedPromptsAreAskedAgainOnRequestOnly(t *testing.T) {
	t.Parallel()
	g := newService(t, func(_, prompt string, n int) server.Step {
		if prompt == "bad" && n == 1 {
			return server.Step{Err: server.BadRequest()}
		}
		return server.Step{}
	})
	args := []string{"-prompts", writeFile(t, "prompts", "good\nbad\n"), "-out", fresh(t)}
	wantStatus(t, g.run(t.Context(), 0, args...), exit.Failed)
	again := g.run(t.Context(), 0, args...)
	wantStatus(t, again, exit.Failed)
	wantContains(t, again.errs, "1 prompt failed in an earlier run: -retry-failed asks again")
	g.wantSeen("bad", 1)
	wantStatus(t, g.run(t.Context(), 0, append(args, "-retry-failed")...), exit.OK)
	g.wantSeen("bad", 2)
	g.wantSeen("good", 1)
	wantInOrder(t, records(t, readFile(t, args[3])), "good\nbad\n")
}
