package demo

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini/geminitest"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
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

// played runs scenes and returns the exit status and what was printed.
func played(t *testing.T, live bool, getenv func(string) string, scenes []scene) (status int, out string) {
	t.Helper()
	var b strings.Builder
	d := Demo{Dial: geminitest.Dial, Model: "models/test", Screen: terminal.New(&b, live, getenv), Redactor: terminal.NewRedactor("")}
	status, err := d.play(t.Context(), scenes)
	if err != nil {
		t.Error(err)
	}
	return status, b.String()
}

// none is an environment without variables.
func none(string) string { return "" }

// sceneOf returns a scene of the script.
func sceneOf(t *testing.T, title string) scene {
	t.Helper()
	for _, s := range script() {
		if s.title == title {
			return s
		}
	}
	t.Fatalf("no scene %q", title)
	return scene{}
}

func TestDemo_saysWhichCallDidNotEndAsItShould(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(*scene)
		want  string
	}{
		{"attempts", func(s *scene) { s.want.attempts = 5 }, "attempts 2, want 5"},
		{"class", func(s *scene) { s.want.class = codes.Quota }, "class Server, want Quota"},
		{"wait", func(s *scene) { s.want.waited = time.Hour }, "want at least 3600.00 s"},
		{"server", func(s *scene) { s.steps = nil }, "attempts 1, want 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			scenes := []scene{sceneOf(t, "an internal error")}
			test.spoil(&scenes[0])
			status, out := played(t, false, none, scenes)
			if status != exit.Failed {
				t.Errorf("exit status %d, want %d", status, exit.Failed)
			}
			for _, part := range []string{"NOT as the policy says", test.want, "0 of 1 scenes", "call 1 (an internal error)"} {
				if !strings.Contains(out, part) {
					t.Errorf("no %q in:\n%s", part, out)
				}
			}
		})
	}
}

func TestDemo_terminal(t *testing.T) {
	t.Parallel()
	scenes := []scene{sceneOf(t, "an internal error")}
	for _, test := range []struct {
		name           string
		terminal       bool
		variables      map[string]string
		colour, redraw bool
	}{
		{"a terminal has colours and a countdown", true, map[string]string{"TERM": "xterm"}, true, true},
		{"NO_COLOR leaves the countdown", true, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, true},
		{"a dumb terminal gets plain lines", true, map[string]string{"TERM": "dumb"}, false, false},
		{"a pipe gets plain lines", false, map[string]string{"TERM": "xterm"}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, out := played(t, test.terminal, func(name string) string { return test.variables[name] }, scenes)
			if status != exit.OK {
				t.Errorf("exit status %d, want %d", status, exit.OK)
			}
			if coloured := strings.Contains(out, "\x1b["); coloured != test.colour {
				t.Errorf("colours: %v, want %v", coloured, test.colour)
			}
			if redrawn := strings.Contains(out, "\r") && strings.Contains(out, "waiting"); redrawn != test.redraw {
				t.Errorf("countdown: %v, want %v\n%q", redrawn, test.redraw, out)
			}
		})
	}
}

func TestScript_coversEveryClass(t *testing.T) {
	covered := map[string]bool{}
	titles := map[string]bool{}
	for _, s := range script() {
		covered[s.want.class.String()] = true
		if titles[s.title] {
			t.Errorf("two scenes have the title %q, by which the server knows them", s.title)
		}
		titles[s.title] = true
	}
	for _, class := range classes() {
		if !covered[class] {
			t.Errorf("no scene for %v", class)
		}
	}
}

func TestResult_crowd(t *testing.T) {
	r := result{scene: scene{crowd: true}, with: &throng{answered: 24, requests: 26}, without: &throng{answered: 24, requests: 42}}
	if got := r.differences(); len(got) > 0 {
		t.Errorf("got %q, want nothing", got)
	}
	r.with = &throng{answered: 23, requests: 43}
	if got, want := strings.Join(r.differences(), "; "), "calls answered 23, want 24; requests 43, want at most the 42 without the gate"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestResult_theServerCountsToo(t *testing.T) {
	r := result{
		scene: scene{want: ending{outcome: interceptor.Recovered, why: policy.Success, attempts: 2}}, text: "answer",
		end: interceptor.Event{Outcome: interceptor.Recovered, Attempt: 2, Decision: policy.Decision{Why: policy.Success}},
	}
	for seen, want := range map[int]string{unseen: "", 2: "", 4: "attempts seen by the server 4, want 2"} {
		r.seen = seen
		if got := strings.Join(r.differences(), "; "); got != want {
			t.Errorf("server saw %d: %q, want %q", seen, got, want)
		}
	}
}

// TestResult_anAnswerThatDiffersIsPrintable: in what is said about it.
func TestResult_anAnswerThatDiffersIsPrintable(t *testing.T) {
	t.Parallel()
	r := result{text: strings.Repeat("bad \n\x1b[31m\u009b\u2028", 1000), scene: scene{want: ending{text: "fine"}}, seen: unseen}
	got := strings.Join(r.differences(), "; ")
	if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || len(got) > 1<<10 {
		t.Errorf("got %d bytes, %q; want at most 1 KiB of printable ones", len(got), got)
	}
}
