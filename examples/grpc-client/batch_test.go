package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/batch"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// manyPrompts are some lines with blank ones among them.
func manyPrompts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "prompt %d\n", i)
		if i%3 == 0 {
			b.WriteString("  \r\n")
		}
	}
	return b.String()
}

// wantInOrder checks that there is an answer to each prompt of the text, in
// its order and with its line.
func wantInOrder(t *testing.T, got []batch.Record, text string) {
	t.Helper()
	n := 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if n >= len(got) {
			t.Fatalf("%d results, no more for line %d", len(got), i+1)
		}
		if r := got[n]; r.Line != i+1 || r.Prompt != line || r.Error != nil || r.Answer != server.AnswerTo(line) || r.Attempts < 1 {
			t.Errorf("result %d: %+v, want an answer to line %d, %q", n, r, i+1, line)
		}
		n++
	}
	if n != len(got) {
		t.Errorf("%d results, want %d", len(got), n)
	}
}

func TestBatch_answersInTheOrderOfThePrompts(t *testing.T) {
	t.Parallel()
	text := manyPrompts(30)
	for _, form := range [][]string{{}, {"-stream"}, {"-rest"}, {"-rest", "-stream"}} {
		t.Run(strings.Join(form, " "), func(t *testing.T) {
			t.Parallel()
			got := runArgs(t, append([]string{"-prompts", writeFile(t, "prompts", text), "-parallel", "8"}, form...)...)
			wantStatus(t, got, exit.OK)
			all := records(t, got.out)
			wantInOrder(t, all, text)
			if !slices.ContainsFunc(all, func(r batch.Record) bool { return r.Attempts > 1 && r.Waited > 0 }) {
				t.Error("no prompt was retried: the embedded server should fail some")
			}
			wantContains(t, got.errs, "embedded server", "30 prompts asked: 30 answered, 0 failed")
			if strings.ContainsAny(got.out+got.errs, "\x1b\r") {
				t.Error("escape codes or a progress bar where there is no terminal")
			}
		})
	}
}

func TestBatch_standardInput(t *testing.T) {
	t.Parallel()
	text := "\ufeffhello\r\n\r\nworld"
	got := runWorld(t.Context(), app.World{Args: []string{"-prompts", "-", "-model", "other"}, In: strings.NewReader(text)})
	wantStatus(t, got, exit.OK)
	all := records(t, got.out)
	wantInOrder(t, all, "hello\n\nworld")
	if all[0].Model != "models/other" || all[0].Server != "embedded" {
		t.Errorf("%+v, want models/other and the embedded server", all[0])
	}
}

func TestBatch_standardInputResumes(t *testing.T) {
	t.Parallel()
	out := fresh(t)
	for _, want := range []string{"2 prompts asked: 2 answered", "nothing to ask"} {
		got := runWorld(t.Context(), app.World{Args: []string{"-prompts", "-", "-out", out}, In: strings.NewReader("one\n\ntwo\n")})
		wantStatus(t, got, exit.OK)
		wantContains(t, got.errs, want)
		wantInOrder(t, records(t, readFile(t, out)), "one\n\ntwo\n")
		if got.out != "" {
			t.Errorf("standard output: %q, want nothing beside the file", got.out)
		}
	}
}

func TestBatch_progressBarOnATerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		terminals [2]bool
		args      []string
		bar       bool
	}{
		"results in a pipe":       {[2]bool{false, true}, nil, true},
		"results in a file":       {[2]bool{true, true}, []string{"-out", fresh(t)}, true},
		"results on the terminal": {[2]bool{true, true}, nil, false},
		"messages in a pipe":      {[2]bool{true, false}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runWorld(t.Context(), app.World{
				Args: append([]string{"-prompts", "-"}, test.args...), In: strings.NewReader("a\nb\n"),
				Terminals: test.terminals, Getenv: environment("TERM", "xterm"),
			})
			wantStatus(t, got, exit.OK)
			bar := strings.Contains(got.errs, "\r") && strings.Contains(got.errs, "] 0 of 2, ")
			if bar != test.bar {
				t.Errorf("a bar: %v, want %v\n%q", bar, test.bar, got.errs)
			}
			records(t, got.out) // undisturbed by the bar
		})
	}
}

func TestBatch_failedPromptsAreRecorded(t *testing.T) {
	t.Parallel()
	for _, form := range [][]string{{"-stream"}, {"-stream", "-rest"}} {
		t.Run(strings.Join(form, " "), func(t *testing.T) {
			t.Parallel()
			got := runWorld(t.Context(), app.World{
				Args: append([]string{"-prompts", "-"}, form...), In: strings.NewReader("hello\n!daily\n!midway\n!key\n"),
			})
			wantStatus(t, got, exit.Failed)
			all := records(t, got.out)
			if len(all) != 4 {
				t.Fatalf("%d results, want 4", len(all))
			}
			for i, want := range []struct{ class, text, partial string }{
				{}, {"Spent", "RESOURCE_EXHAUSTED: You exceeded", ""}, {"Server", "INTERNAL: An internal error", "You "}, {"Auth", "INVALID_ARGUMENT: API key", ""},
			} {
				r := all[i]
				if i == 0 {
					if r.Error != nil {
						t.Errorf("%+v, want an answer", r)
					}
					continue
				}
				if r.Error == nil || !strings.HasPrefix(*r.Error, want.text) || r.Class != want.class || r.Answer != "" || r.Partial != want.partial || r.Attempts != 1 {
					t.Errorf("%+v, want no answer but %+v", r, want)
				}
			}
			wantContains(t, got.errs, "4 prompts asked: 1 answered, 3 failed")
		})
	}
}

func TestBatch_aPromptThatIsNotAnsweredHasFailed(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"-stream=false", "-stream", "-rest"} {
		got := runWorld(t.Context(), app.World{Args: []string{"-prompts", "-", stream}, In: strings.NewReader("!blocked\n")})
		wantStatus(t, got, exit.Failed)
		all := records(t, got.out)
		if r := all[0]; r.Error == nil || *r.Error != "the model gave no answer: BLOCKED_SAFETY" || r.Answer != "" || r.Attempts != 1 || r.Class != "" {
			t.Errorf("%s: %+v, want an error that says that it was blocked", stream, r)
		}
	}
}

func TestBatch_endsWhenAResultCannotBeKept(t *testing.T) {
	t.Parallel()
	g := newService(t, answerAll)
	got := runWorld(t.Context(), app.World{
		Args: []string{"-endpoint", g.Address(), "-insecure", "-prompts", "-", "-parallel", "1"}, In: strings.NewReader(manyPrompts(50)),
		Getenv: environment(app.KeyVariable, "the-key"), Out: broken{},
	})
	wantStatus(t, got, exit.Failed)
	wantContains(t, got.errs, "standard output: no space left")
	g.wantSeen("prompt 49", 0)
}

// broken is a writer that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// service is a server of the test's own that the program is sent to.
type service struct {
	*server.Server
	t *testing.T
}

func newService(t *testing.T, plan server.Planner) service {
	t.Helper()
	s, err := server.Start(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return service{s, t}
}

// addressOfREST starts the REST form of the server, and returns host:port of it.
func (g service) addressOfREST() string {
	g.t.Helper()
	url, stop, err := g.StartREST(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(stop)
	return strings.TrimPrefix(url, "http://")
}

// run runs the program against the server.
func (g service) run(ctx context.Context, patience time.Duration, args ...string) output {
	return runWorld(ctx, app.World{
		Args:   append([]string{"-endpoint", g.Address(), "-insecure"}, args...),
		Getenv: environment(app.KeyVariable, "the-key"), Patience: patience,
	})
}

// wantSeen checks how often the server was asked a prompt.
func (g service) wantSeen(prompt string, want int) {
	g.t.Helper()
	if got := g.Seen("models/"+gemini.DefaultModel, prompt); got != want {
		g.t.Errorf("the server was asked %q %d times, want %d", prompt, got, want)
	}
}

// TestBatch_quotaOnTheCommandLine: the server of the program has the quota, and its
// minutes are real ones; the summary says what the gate did.
func TestBatch_quotaOnTheCommandLine(t *testing.T) {
	t.Parallel()
	got := runWorld(t.Context(), app.World{Args: []string{"-prompts", "-", "-quota", "2/1000", "-parallel", "2"}, In: strings.NewReader("a\nb\n")})
	wantStatus(t, got, exit.OK)
	wantContains(t, got.errs, "2 requests a minute and 1000 tokens in them", "2 prompts asked: 2 answered")
}
