package app

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
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

func TestDemo_everyCallEndsAsThePolicySays(t *testing.T) {
	t.Parallel()
	began := time.Now()
	got := runArgs(t)
	wantStatus(t, got, succeeded)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v, want 30 s at most", took)
	}
	wantContains(t, got.out, "delays divided by 10", "23 of 23 scenes ended as they should", policy.Default()[codes.Quota].Jitter.String())
	wantContains(t, got.out, strings.TrimSpace(strings.SplitN(demoTable().String(), "\n", 3)[1])) // the row of Quota, with its waits
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
	wantStatus(t, got, succeeded)
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
	if count["policy"] != 1 || count["call"] != len(script()) || count["summary"] != 1 || count["attempt"] <= count["call"] {
		t.Errorf("lines by type: %v", count)
	}
	summary := all[len(all)-1]
	if summary["type"] != "summary" || summary["unexpected"] != 0.0 {
		t.Errorf("last line: %v, want a summary without anything unexpected", summary)
	}
	wantContains(t, got.out, `"Quota"`, `"Ended"`, `"wait":`)
}

// play runs scenes of the demo only.
func play(t *testing.T, w world, scenes []scene) output {
	t.Helper()
	var out buffer
	w.out, w.errs = &out, &out
	if w.getenv == nil {
		w.getenv = environment()
	}
	p := newProgram(w)
	p.model = "models/test"
	status, err := p.demo(t.Context(), scenes)
	if err != nil {
		t.Error(err)
	}
	return output{status: status, out: out.String()}
}

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
			got := play(t, world{}, scenes)
			wantStatus(t, got, failed)
			wantContains(t, got.out, "NOT as the policy says", test.want, "0 of 1 scenes", "call 1 (an internal error)")
		})
	}
}

func TestDemo_terminal(t *testing.T) {
	t.Parallel()
	scenes := []scene{sceneOf(t, "an internal error")}
	for _, test := range []struct {
		name           string
		terminal       bool
		getenv         func(string) string
		colour, redraw bool
	}{
		{"a terminal has colours and a countdown", true, environment("TERM", "xterm"), true, true},
		{"NO_COLOR leaves the countdown", true, environment("TERM", "xterm", "NO_COLOR", "1"), false, true},
		{"a dumb terminal gets plain lines", true, environment("TERM", "dumb"), false, false},
		{"a pipe gets plain lines", false, environment("TERM", "xterm"), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := play(t, world{terminals: [2]bool{test.terminal, test.terminal}, getenv: test.getenv}, scenes)
			wantStatus(t, got, succeeded)
			if coloured := strings.Contains(got.out, "\x1b["); coloured != test.colour {
				t.Errorf("colours: %v, want %v", coloured, test.colour)
			}
			if redrawn := strings.Contains(got.out, "\r") && strings.Contains(got.out, "waiting"); redrawn != test.redraw {
				t.Errorf("countdown: %v, want %v\n%q", redrawn, test.redraw, got.out)
			}
		})
	}
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
	got := runWorld(ctx, world{out: out})
	wantStatus(t, got, interrupted)
	wantContains(t, out.String(), "Interrupted.")
}

func TestDemoTable_isTheDefaultScaled(t *testing.T) {
	for class, row := range policy.Default() {
		scaled := demoTable()[class]
		if scaled.Retries != row.Retries || scaled.Base*demoScale != row.Base || scaled.Max*demoScale != row.Max {
			t.Errorf("%v: %v, want %v with its delays divided by %d", codes.Class(class), scaled, row, demoScale)
		}
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
