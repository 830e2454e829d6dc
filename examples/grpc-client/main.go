// Command grpc-client shows what the retries of Reinvoke do for a Gemini
// client. Without arguments it plays a script of failures against a Gemini
// server of its own; with -prompts it answers a file of prompts; -h tells the
// rest:
//
//	go run ./examples/grpc-client
//	go run ./examples/grpc-client -explain 'UNAVAILABLE: The model is overloaded.'
//	go run ./examples/grpc-client -prompts prompts.txt -out answers.jsonl
//	GEMINI_API_KEY=... go run ./examples/grpc-client -endpoint generativelanguage.googleapis.com:443
//
// Read client.go first: it is the wiring that a program of your own needs, and
// probe.go beside it, which tells what becomes of a call. Then script.go, the
// failures and how each call should end. Demo.go plays them, timeline.go and
// jsonlines.go show them; server.go, failures.go and listener.go are the
// server. Batch.go and ask.go answer prompts, and store.go keeps the answers.
// Explain.go says what would become of an error, which pasted.go has read.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// The exit statuses.
const (
	succeeded   = 0
	failed      = 1   // a call did not end as it should, or a prompt has no answer
	misused     = 2   // the command line, a file or the key is wrong
	interrupted = 130 // by a signal, as shells have it
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, world{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, errs: os.Stderr,
		terminals: [2]bool{isTerminal(os.Stdout), isTerminal(os.Stderr)},
		getenv:    os.Getenv, patience: grace,
	}))
}
