// Package app is the program: the client, the script of failures, and the server
// that plays them.
//
// Read client.go first: it is the wiring that a program of your own needs, and
// probe.go beside it, which tells what becomes of a call. Then script.go, the
// failures and how each call should end; crowd.go is the scene of many calls. Demo.go
// plays them, timeline.go and jsonlines.go show them; server.go, quota.go,
// failures.go and listener.go are the server. Batch.go and ask.go answer prompts, and store.go keeps the answers.
// Explain.go says what would become of an error, which pasted.go has read.
package app

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/reinvoke/reinvoke/interceptor"
)

// The exit statuses.
const (
	succeeded   = 0
	failed      = 1   // a call did not end as it should, or a prompt has no answer
	misused     = 2   // the command line, a file or the key is wrong
	interrupted = 130 // by a signal, as shells have it
)

// Main runs the program with the arguments of the process, and returns its exit
// status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return run(ctx, world{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, errs: os.Stderr,
		terminals: [2]bool{isTerminal(os.Stdout), isTerminal(os.Stderr)},
		getenv:    os.Getenv, patience: grace,
	})
}

// Play plays the script of the demo so many times, 0 for ever, on one connection with
// options of the caller's beside its own, and prints it to out. The error says that a
// call did not end as it should, or that ctx ended first.
func Play(ctx context.Context, out io.Writer, rounds int, opts ...interceptor.Option) error {
	p := newProgram(world{out: out, errs: out, getenv: func(string) string { return "" }, patience: grace})
	p.options, p.extra, p.again = options{model: "models/" + defaultModel, parallel: 1}, opts, rounds-1
	status, err := p.demo(ctx, script())
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case status != succeeded:
		return errors.New("the demo: a call did not end as it should")
	}
	return nil
}
