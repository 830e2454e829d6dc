// Package app is the command line of the program: flags, and the mode they select.
package app

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// Main runs the program with the arguments of the process and returns the exit
// status.
func Main(connect gemini.Dial) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return Run(ctx, connect, World{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Errs: os.Stderr,
		Terminals: [2]bool{terminal.IsTerminal(os.Stdout), terminal.IsTerminal(os.Stderr)},
		Getenv:    os.Getenv, Patience: grace,
	})
}
