// Command mutants breaks the engine on purpose, defect by defect, and checks that the
// tests in interceptor, interceptor/rest and interceptor/tests catch each defect. The source tree stays
// unchanged: a mutant is a changed copy of a file, passed to go test as an overlay. Run
// the command in the root folder of the module:
//
//	go run ./internal/mutants          run all mutants and print a table
//	go run ./internal/mutants -list    list the mutants
//	go run ./internal/mutants -only 7  run mutant 7 and print the output of its tests
//
// The exit code is 1 unless every mutant was killed.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
)

// outcome is the fate of a mutant.
type outcome string

const (
	killed      outcome = "killed"
	survived    outcome = "SURVIVED"
	uncompiled  outcome = "DOES NOT COMPILE"
	unapplied   outcome = "DOES NOT APPLY"
	notFinished outcome = "NOT FINISHED"
)

// result is the outcome of a mutant's tests.
type result struct {
	outcome
	index int    // of the mutant
	text  string // the killing test, or the problem
	took  time.Duration
	log   string // the output of go test
}

func main() {
	list := flag.Bool("list", false, "print the mutants and run nothing")
	only := flag.Int("only", 0, "the number of the only mutant to run; 0 for all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if err := run(ctx, os.Stdout, *list, *only); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "mutants:", err)
		stop()
		os.Exit(1)
	}
}

// run runs the chosen mutants and prints a table of the results.
func run(ctx context.Context, out io.Writer, list bool, only int) error {
	all := mutants()
	if only < 0 || only > len(all) {
		return fmt.Errorf("-only %d: want 1 to %d, or 0 for all", only, len(all))
	}
	chosen := map[int]bool{}
	for i := range all {
		chosen[i] = only == 0 || only == i+1
	}
	if list {
		for i, m := range all {
			if chosen[i] {
				_, _ = fmt.Fprintf(out, row+"\n", i+1, "", "", m.file, m.breaks, m.tests)
			}
		}
		return nil
	}
	if err := unmutated(ctx, all, chosen); err != nil {
		return err
	}
	alive := 0
	for r := range tryAll(ctx, all, chosen) {
		m := all[r.index]
		if r.outcome != killed {
			alive++
		}
		if only > 0 {
			_, _ = fmt.Fprintln(out, r.log)
		}
		took := fmt.Sprintf("%.0fs", r.took.Seconds())
		_, _ = fmt.Fprintf(out, row+"\n", r.index+1, r.outcome, took, m.file, m.breaks, r.text)
	}
	if alive > 0 {
		return fmt.Errorf("%d mutants were not killed", alive)
	}
	return ctx.Err()
}

// row is the format of a table row: number, outcome, time, file, defect and test.
const row = "%2d  %-8s  %4s  %-26s  %-91s  %s"

// unmutated runs the tests of the chosen mutants once on the unchanged engine. A test
// failing here would prove nothing about a mutant.
func unmutated(ctx context.Context, all []mutant, chosen map[int]bool) error {
	union := mutant{}
	for i, m := range all {
		if !chosen[i] {
			continue
		}
		if union.tests != "" {
			union.tests += "|"
		}
		union.tests += m.tests
		union.worlds = max(union.worlds, m.worlds)
	}
	log, err := goTest(ctx, union, "")
	if err != nil {
		return fmt.Errorf("the tests fail without any mutant: %w\n%s", err, log)
	}
	return nil
}

// workers is the number of mutants tested at a time. Judgement: the linker and most
// of the tests use one processor each.
const workers = 2

// tryAll runs the tests of the chosen mutants and sends each result when ready.
func tryAll(ctx context.Context, all []mutant, chosen map[int]bool) <-chan result {
	results, queue := make(chan result), make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range queue {
				began := clock.System().Now()
				r := try(ctx, all[i])
				r.index, r.took = i, clock.System().Now().Sub(began)
				results <- r
			}
		})
	}
	go func() {
		for i := range all {
			if chosen[i] {
				queue <- i
			}
		}
		close(queue)
		wg.Wait()
		close(results)
	}()
	return results
}

// try runs the tests of a mutant.
func try(ctx context.Context, m mutant) result {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return result{outcome: notFinished, text: err.Error()}
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the folder for what is temporary
	overlay, err := m.overlay(dir)
	if err != nil {
		return result{outcome: unapplied, text: err.Error()}
	}
	log, err := goTest(ctx, m, overlay)
	return judge(log, err)
}

// judge returns the result of a mutant from the output and the error of go test.
func judge(log string, err error) result {
	var failed []string
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "--- FAIL: "):
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "--- FAIL: "), " ")
			if !strings.Contains(name, "/") {
				failed = append(failed, name)
			}
		case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "):
			failed = append(failed, line)
		}
	}
	text := ""
	if len(failed) > 0 {
		text = failed[0]
	}
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return result{outcome: survived, log: log}
	case strings.Contains(log, "[build failed]"), strings.Contains(log, "[setup failed]"):
		return result{outcome: uncompiled, text: "see -only", log: log}
	case !exited || text == "":
		return result{outcome: notFinished, text: err.Error(), log: log}
	}
	return result{outcome: killed, text: text, log: log}
}

// goTest runs the tests of a mutant with an overlay (none for ""), package by package
// until a test fails, and returns the output of go test.
func goTest(ctx context.Context, m mutant, overlay string) (string, error) {
	all, err := suites(m.tests)
	if err != nil {
		return "", err
	}
	var log string
	for _, s := range all {
		printed, err := s.run(ctx, m, overlay)
		if log += printed; err != nil {
			return log, err
		}
	}
	return log, nil
}

func (s suite) run(ctx context.Context, m mutant, overlay string) (string, error) {
	// -vet=off: a mutant may leave unreachable code. -ldflags=-w: linking is faster.
	args := []string{"test", "-vet=off", "-ldflags=-w", "-count=1", "-failfast", "-timeout=120s", "-run", "^(" + strings.Join(s.tests, "|") + ")$"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	args = append(args, s.pkg)
	if slices.Contains(s.tests, "TestWorldLives") {
		args = append(args, "-world.n="+strconv.Itoa(m.worlds), "-world.seed=1", "-world.stop", "-world.shrinks=0")
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are of the table
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	return log.String(), err
}

// overlay writes the changed copy of the mutant's file and a go overlay with the
// copy, and returns the name of the overlay.
func (m mutant) overlay(dir string) (string, error) {
	text, err := m.apply()
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(filepath.FromSlash(m.file))
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	replace := map[string]map[string]string{"Replace": {original: changed}}
	encoded, err := json.Marshal(replace)
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, encoded, 0o600)
}

// apply returns the text of the mutant's file with the defect. The text to replace
// must occur exactly once, so that no mutant becomes void unnoticed.
func (m mutant) apply() (string, error) {
	data, err := os.ReadFile(filepath.FromSlash(m.file))
	if err != nil {
		return "", err
	}
	text := string(data)
	if n := strings.Count(text, m.find); n != 1 {
		return "", fmt.Errorf("%s: %s: %q is there %d times, want once", m.file, m.breaks, m.find, n)
	}
	return strings.Replace(text, m.find, m.replace, 1), nil
}
