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
	"os"
	"os/signal"
	"syscall"
)

// Main runs the program with the arguments of the process, and returns its exit
// status.
func Main(connect dial) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return run(ctx, connect, world{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, errs: os.Stderr,
		terminals: [2]bool{isTerminal(os.Stdout), isTerminal(os.Stderr)},
		getenv:    os.Getenv, patience: grace,
	})
}
