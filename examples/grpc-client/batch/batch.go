// Package batch answers the prompts of a file, several at a time, and keeps the
// answers: batch.go is the run, ask.go a call, store.go and printer.go are where
// answers go, tally.go counts and sums up.
package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// Batch is a run over the prompts of a file.
type Batch struct {
	Prompts string    // a file, or "-" for in
	In      io.Reader // see prompts
	Out     string    // a file, or "" for results
	Results io.Writer // standard output, for redacted text; safe for concurrent use

	RetryFailed bool   // ask the failed prompts of an earlier run again
	Server      string // the name of the answering server, in results
	Model       string // with the prefix "models/"
	Stream      bool
	Parallel    int

	// Connect returns the client and a function to end the client. watch gets the changes
	// of the gate.
	Connect func(ctx context.Context, watch func(interceptor.GateEvent)) (client *generativelanguage.GenerativeClient, stop func(), err error)

	JSON      bool          // say everything in JSON lines, to Results
	Patience  time.Duration // how long the calls in flight get to end after an interruption
	Redactor  terminal.Redactor
	Screen    *terminal.Screen // for messages
	Scrolling bool             // results scroll by on the same terminal: no progress among them
	About     string           // the first message; may be empty
}

// Run asks the prompts and returns the exit status.
func (b *Batch) Run(ctx context.Context) (status int, err error) {
	prompts, err := readPrompts(ctx, b.Prompts, b.In)
	if err != nil {
		if ctx.Err() != nil {
			return exit.Interrupted, errors.New("interrupted before the prompts were read")
		}
		return exit.Misused, err
	}
	to, todo, err := b.sink(prompts)
	if err != nil {
		return exit.Misused, err
	}
	r := &runner{Batch: b, to: to, report: b.reporter(), tally: &tally{reasons: reasons{}}}
	r.report.begin(len(prompts), len(prompts)-len(todo))
	err = r.run(ctx, todo, len(prompts))
	s := r.tally.sum(len(todo), ctx.Err() != nil, to, err)
	r.report.end(s)
	return s.Status, err
}

// reporter returns the reporter for text or JSON.
func (b *Batch) reporter() reporter {
	if b.JSON {
		return &lines{to: b.Results, server: b.Redactor.Text(b.Server), model: b.Redactor.Text(b.Model)}
	}
	return &text{Screen: b.Screen, about: b.About, scrolling: b.Scrolling}
}

// sink returns the place for results, and the prompts without a result.
func (b *Batch) sink(prompts []prompt) (to sink, todo []prompt, err error) {
	if b.Out == "" {
		return newPrinter(b.Results, prompts, b.JSON), prompts, nil
	}
	if sameFile(b.Out, b.Prompts) {
		return nil, nil, fmt.Errorf("-out: %s has the prompts: want another file", b.Out)
	}
	s, err := openStore(b.Out)
	if err != nil {
		return nil, nil, err
	}
	if err := s.check(b.Server, b.Model, prompts, b.Redactor); err != nil {
		s.abandon()
		return nil, nil, err
	}
	for _, q := range prompts {
		if r, ok := s.done[q.line]; !ok || (r.Error != nil && b.RetryFailed) {
			todo = append(todo, q)
		}
	}
	return s, todo, nil
}

func sameFile(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}
