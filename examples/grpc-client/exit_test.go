package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/interceptor"
)

// wantExit runs the program as a process and checks the exit status. It returns what the
// process has written to standard error.
func wantExit(t *testing.T, cmd *exec.Cmd, want int) (errs string) {
	t.Helper()
	var o, e bytes.Buffer
	if cmd.Stdout == nil || cmd.Stdout == cmd.Stderr {
		cmd.Stdout = &o
	}
	cmd.Stderr = &e
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("exit status %d, want %d\n%s%s", got, want, o.String(), e.String())
	}
	return e.String()
}

// TestProcess_exitStatus: the statuses that -h lists, but that of an interruption.
func TestProcess_exitStatus(t *testing.T) {
	t.Parallel()
	prompts, failing := writeFile(t, "prompts", "hello\n"), writeFile(t, "failing", "hello\n!daily\n")
	for name, test := range map[string]struct {
		args []string
		want int
	}{
		"the help":             {[]string{"-h"}, exit.OK},
		"a demo":               {[]string{"-json"}, exit.OK},
		"an explanation":       {[]string{"-explain", "UNAVAILABLE"}, exit.OK},
		"prompts with answers": {[]string{"-prompts", prompts}, exit.OK},
		"a prompt that failed": {[]string{"-prompts", failing}, exit.Failed},
		"the same in JSON":     {[]string{"-prompts", failing, "-json"}, exit.Failed},
		"an unknown flag":      {[]string{"-nope"}, exit.Misused},
		"no error to explain":  {[]string{"-explain", "hello"}, exit.Misused},
		"no such file":         {[]string{"-prompts", prompts + ".not"}, exit.Misused},
		"no regular file":      {[]string{"-prompts", prompts, "-out", os.DevNull}, exit.Misused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, _ := command(t, test.args...)
			wantExit(t, cmd, test.want)
		})
	}
}

// TestProcess_interruptedDemo: by a signal, in the middle of the script.
func TestProcess_interruptedDemo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-json"}} {
		cmd, _ := command(t, args...)
		var once sync.Once // a second signal would end the process at once
		cmd.Stdout = &buffer{onWrite: func(string) { once.Do(func() { _ = cmd.Process.Signal(syscall.SIGINT) }) }}
		wantExit(t, cmd, exit.Interrupted)
	}
}

// TestProcess_fullDisk: an output without room is told of once, in every mode, and ends in
// a status of its own.
func TestProcess_fullDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no /dev/full")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.Close() })
	prompts := writeFile(t, "prompts", manyPrompts(20))
	for name, args := range map[string][]string{
		"demo": nil, "demo in JSON": {"-json"}, "help": {"-h"},
		"explanation": {"-explain", "UNAVAILABLE"}, "explanation in JSON": {"-explain", "UNAVAILABLE", "-json"},
		"batch": {"-prompts", prompts}, "batch in JSON": {"-prompts", prompts, "-json"},
		"batch in a file, told in JSON": {"-prompts", prompts, "-json", "-out", fresh(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, _ := command(t, args...)
			cmd.Stdout = full
			errs := wantExit(t, cmd, exit.Failed)
			if strings.Count(errs, "no space left on device") != 1 || !strings.Contains(errs, "grpc-client: standard output: ") {
				t.Errorf("standard error: %q, want one message about the full disk", errs)
			}
		})
	}
}

// TestProcess_fullDiskOfResults: results that do not fit are told of once, those that did
// are kept, and the same command goes on from there when there is room.
func TestProcess_fullDiskOfResults(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("this system has no shell to limit the size of files")
	}
	text := manyPrompts(30)
	s, prompts, out := newService(t, answerAll), writeFile(t, "prompts", text), fresh(t)
	args := []string{"-endpoint", s.Address(), "-insecure", "-prompts", prompts, "-out", out, "-parallel", "2"}
	cmd, _ := command(t, args...)
	cmd.Path, cmd.Args = sh, append([]string{sh, "-c", `ulimit -f 4; exec "$0" "$@"`}, cmd.Args...)
	errs := wantExit(t, cmd, exit.Failed)
	if strings.Count(errs, "file too large") != 1 || strings.Count(errs, "grpc-client: -out: ") != 1 {
		t.Errorf("standard error: %q, want one message about the file that cannot grow", errs)
	}
	wantContains(t, errs, " left: the same command again goes on from here.")
	again, _ := command(t, args...)
	wantExit(t, again, exit.OK)
	wantInOrder(t, records(t, readFile(t, out)), text)
	twice := 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && s.Seen("models/gemini-2.5-flash", line) > 1 {
			twice++
		}
	}
	if twice > 2 { // those in flight
		t.Errorf("%d prompts asked twice, want at most the 2 in flight", twice)
	}
}

// TestProcess_fullDiskAtTheEnd: the disk is full when the results are put in order. They
// stay in the journal, and nothing is asked again.
func TestProcess_fullDiskAtTheEnd(t *testing.T) {
	t.Parallel()
	out, prompts := fresh(t), writeFile(t, "prompts", "one\ntwo\n")
	if err := errors.Join(os.Symlink("/dev/full", out+".part.new"), statErr("/dev/full")); err != nil {
		t.Skip(err)
	}
	s := newService(t, answerAll)
	args := []string{"-endpoint", s.Address(), "-insecure", "-prompts", prompts, "-out", out}
	cmd, _ := command(t, args...)
	errs := wantExit(t, cmd, exit.Failed)
	if strings.Count(errs, "no space left on device") != 1 {
		t.Errorf("standard error: %q, want one message about the full disk", errs)
	}
	if _, err := os.Lstat(out + ".part.new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v: want no half-written file that takes room", err)
	}
	again, _ := command(t, args...)
	wantExit(t, again, exit.OK)
	wantInOrder(t, records(t, readFile(t, out)), "one\ntwo\n")
	s.wantSeen("one", 1)
	s.wantSeen("two", 1)
}

func statErr(name string) error {
	_, err := os.Stat(name)
	return err
}

// TestDemo_endsWhenNothingCanBePrinted: with the first line that cannot be written, not
// after all scenes.
func TestDemo_endsWhenNothingCanBePrinted(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-json"}} {
		var events atomic.Int64
		dial := func(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error) {
			return newClient(ctx, where, append(opts, interceptor.WithObserver(func(context.Context, interceptor.Event) { events.Add(1) }))...)
		}
		errs := &buffer{}
		status := app.Run(t.Context(), dial, app.World{Args: args, Out: broken{}, Errs: errs, Getenv: environment()})
		if status != exit.Failed || events.Load() > 4 || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: exit status %d after %d events, %q; want %d after those of one call, and one message", args, status, events.Load(), errs, exit.Failed)
		}
	}
}

// TestResume_countsWhatWasAttempted: an interruption leaves a prompt without a result, which
// the sums count as asked.
func TestResume_countsWhatWasAttempted(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newService(t, func(_, prompt string, _ int) server.Step {
			if prompt != "two" {
				return server.Step{}
			}
			cancel()
			return server.Step{Hang: true}
		})
		args := []string{"-prompts", writeFile(t, "prompts", "one\ntwo\nthree\n"), "-parallel", "1"}
		if asJSON {
			got := s.run(ctx, 0, append(args, "-json")...)
			wantStatus(t, got, exit.Interrupted)
			all := objects(t, got.out)
			last := all[len(all)-1]
			for field, want := range map[string]any{
				"type": "summary", "asked": 2.0, "answered": 1.0, "failed": 0.0, "cut": 1.0, "left": 2.0, "attempts": 2.0, "interrupted": true, "status": 130.0,
			} {
				if last[field] != want {
					t.Errorf("%s: %v, want %v in %v", field, last[field], want, last)
				}
			}
			continue
		}
		got := s.run(ctx, 0, args...)
		wantStatus(t, got, exit.Interrupted)
		wantContains(t, got.errs, "2 prompts asked: 1 answered, 0 failed, 1 without a result; 2 attempts, ")
	}
}
