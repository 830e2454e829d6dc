package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// asProgram is the environment variable that makes the test binary the
// program itself, for tests that need a process of its own.
const asProgram = "GRPC_CLIENT_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(app.Main(newClient))
	}
	m.Run()
}

// command returns the program as a process to be started.
func command(t *testing.T, args ...string) (cmd *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out = &bytes.Buffer{}
	cmd = exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", app.KeyVariable+"=the-key")
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// TestProcess_signals ends the program by signals while it has a prompt at
// the server, and runs it again.
func TestProcess_signals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal syscall.Signal
		status int
		twice  bool // whether the prompt at the server has to be asked again
		form   []string
	}{
		{syscall.SIGINT, exit.Interrupted, false, nil},
		{syscall.SIGINT, exit.Interrupted, false, []string{"-rest"}},
		{syscall.SIGTERM, exit.Interrupted, false, nil},
		{syscall.SIGKILL, -1, true, nil},
		{syscall.SIGKILL, -1, true, []string{"-rest", "-stream"}},
	} {
		t.Run(strings.Join(append([]string{test.signal.String()}, test.form...), " "), func(t *testing.T) {
			t.Parallel()
			const text = "one\ntwo\nthree\nfour\n"
			process := make(chan *os.Process, 1)
			stopped := make(chan struct{})
			g := newService(t, func(_, prompt string, n int) server.Step {
				if prompt == "three" && n == 1 {
					_ = (<-process).Signal(test.signal)
					<-stopped
				}
				return server.Step{}
			})
			prompts, out := writeFile(t, "prompts", text), fresh(t)
			address := g.Address()
			if slices.Contains(test.form, "-rest") {
				address = g.addressOfREST()
			}
			args := append([]string{"-endpoint", address, "-insecure", "-prompts", prompts, "-out", out, "-parallel", "1"}, test.form...)

			cmd, said := command(t, args...)
			note := &buffer{}
			cmd.Stderr = note
			note.onWrite = func(string) { closeOnce(stopped) } // it says so when it is interrupted
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			process <- cmd.Process
			_ = cmd.Wait()
			closeOnce(stopped)
			if got := cmd.ProcessState.ExitCode(); got != test.status {
				t.Fatalf("exit status %d, want %d\n%s%s", got, test.status, said, note)
			}

			again, said := command(t, args...)
			if err := again.Run(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			wantInOrder(t, records(t, readFile(t, out)), text)
			want := map[string]int{"one": 1, "two": 1, "three": 1, "four": 1}
			if test.twice {
				want["three"] = 2
			}
			for prompt, n := range want {
				g.wantSeen(prompt, n)
			}
		})
	}
}

// closeOnce closes a channel that may be closed already.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}
