package main

import (
	"errors"
	"go/parser"
	"go/token"
	"os/exec"
	"regexp"
	"testing"
)

// TestMutants_apply: what each mutant replaces is there exactly once, what comes of it is
// Go, its tests are there, and no two mutants are the same.
func TestMutants_apply(t *testing.T) {
	t.Chdir("../..")
	seen := map[string]bool{}
	for _, m := range mutants() {
		text, err := m.apply()
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, 0); err != nil {
			t.Errorf("%s: %s: %v", m.file, m.breaks, err)
		}
		if _, err := suites(m.tests); err != nil {
			t.Errorf("%s: %s: %v", m.file, m.breaks, err)
		}
		if seen[text] || seen[m.breaks] {
			t.Errorf("%s: %s: it is there twice", m.file, m.breaks)
		}
		seen[text], seen[m.breaks] = true, true
	}
}

// TestMutants_noLongerApply: a mutant whose text is gone, or is there twice, is an error
// that names the mutant.
func TestMutants_noLongerApply(t *testing.T) {
	t.Chdir("../..")
	for find, want := range map[string]string{
		"there is no such text": `interceptor/doc.go: It breaks.: "there is no such text" is there 0 times, want once`,
		"retri":                 `interceptor/doc\.go: It breaks\.: "retri" is there \d+ times, want once`,
	} {
		_, err := mutant{file: "interceptor/doc.go", find: find, breaks: "It breaks."}.apply()
		if err == nil || !regexp.MustCompile("^"+want+"$").MatchString(err.Error()) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestJudge: only a test that fails kills a mutant.
func TestJudge(t *testing.T) {
	exit := &exec.ExitError{}
	for name, tt := range map[string]struct {
		log  string
		err  error
		want outcome
		text string
	}{
		"the tests pass":          {"ok  \tinterceptor\t1.2s\n", nil, survived, ""},
		"a test fails":            {"--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/b (0.01s)\nFAIL\n", exit, killed, "TestA"},
		"a test panics":           {"panic: lost\n\ngoroutine 1 [running]:\nFAIL\tinterceptor\n", exit, killed, "panic: lost"},
		"the program crashes":     {"fatal error: all goroutines are asleep\nFAIL\n", exit, killed, "fatal error: all goroutines are asleep"},
		"it does not compile":     {"a.go:1:2: undefined: x\nFAIL\tinterceptor [build failed]\n", exit, uncompiled, "see -only"},
		"go itself fails":         {"go: no such flag\n", exit, notFinished, exit.Error()},
		"go cannot be run":        {"", exec.ErrNotFound, notFinished, exec.ErrNotFound.Error()},
		"it is stopped meanwhile": {"--- FAIL: TestA (0.01s)\n", errors.New("interrupted"), notFinished, "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(tt.log, tt.err); got.outcome != tt.want || got.text != tt.text {
				t.Errorf("got %s, %q, want %s, %q", got.outcome, got.text, tt.want, tt.text)
			}
		})
	}
}
