package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

	"github.com/reinvoke/reinvoke/interceptor"
)

// batch is a run over the prompts of a file.
type batch struct {
	prompts string    // a file, or "-" for in
	in      io.Reader // see prompts
	out     string    // a file, or "" for results
	results io.Writer // for what is redacted already

	retryFailed bool   // ask again what failed in an earlier run
	server      string // what results say of who answered
	model       string // with its "models/"
	stream      bool
	parallel    int

	// connect returns the client, and what ends it. watch is told what the gate does.
	connect func(ctx context.Context, watch func(interceptor.GateEvent)) (client *generativelanguage.GenerativeClient, stop func(), err error)

	patience  time.Duration // how long the calls in flight get to end after an interruption
	redactor  redactor
	screen    *screen // for messages
	scrolling bool    // results are on the same terminal: they show enough, and a bar would get among them
	about     string  // what is said first; may be empty
}

// run asks the prompts and returns the exit status.
func (b *batch) run(ctx context.Context) (status int, err error) {
	prompts, err := readPrompts(ctx, b.prompts, b.in)
	if err != nil {
		if ctx.Err() != nil {
			return interrupted, errors.New("interrupted before the prompts were read")
		}
		return misused, err
	}
	to, todo, err := b.sink(prompts)
	if err != nil {
		return misused, err
	}
	progress := b.newProgress(len(prompts), len(prompts)-len(todo))
	err = errors.Join(b.askAll(ctx, todo, to, progress), to.close())
	status = progress.end(ctx.Err() != nil, to)
	if err != nil {
		status = failed
	}
	return status, err
}

// sink returns where the results go, and the prompts that have none yet.
func (b *batch) sink(prompts []prompt) (to sink, todo []prompt, err error) {
	if b.out == "" {
		return newPrinter(b.results, prompts), prompts, nil
	}
	if sameFile(b.out, b.prompts) {
		return nil, nil, fmt.Errorf("-out: %s has the prompts: want another file", b.out)
	}
	s, err := openStore(b.out)
	if err != nil {
		return nil, nil, err
	}
	if err := s.check(b.server, b.model, prompts, b.redactor); err != nil {
		s.abandon()
		return nil, nil, err
	}
	for _, q := range prompts {
		if r, ok := s.done[q.line]; !ok || (r.Error != nil && b.retryFailed) {
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

// askAll asks the prompts, several at a time. Once ctx has ended no further
// one is asked, and those in flight get some time to end.
func (b *batch) askAll(ctx context.Context, todo []prompt, to sink, progress *progress) error {
	if len(todo) == 0 {
		return nil
	}
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		progress.stopping(b.patience)
		time.AfterFunc(b.patience, cancel)
	})()

	client, stop, err := b.connect(calls, progress.gate)
	if err != nil {
		return err
	}
	defer stop()
	a := &asker{client: client, server: b.server, model: b.model, stream: b.stream, redactor: b.redactor, watch: progress.event}

	feed, stopFeed := context.WithCancel(ctx)
	defer stopFeed()
	k := &keeper{to: to, progress: progress, giveUp: func() { stopFeed(); cancel() }}
	askers(calls, b.parallel, a, feedPrompts(feed, todo), k.keep)
	return k.err
}
