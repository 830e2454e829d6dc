package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// embeddedName is the server of results that are made up.
const embeddedName = "embedded"

// sink takes results in the order in which they come.
type sink interface {
	put(r record) error
	close() error
	// failed returns how many prompts have failed, in earlier runs too.
	failed() int
	// resumes reports whether a later run can go on from here.
	resumes() bool
}

// batch asks the prompts of a file.
func (p *program) batch(ctx context.Context) (status int, err error) {
	prompts, err := readPrompts(ctx, p.prompts, p.in)
	if err != nil {
		if ctx.Err() != nil {
			return interrupted, errors.New("interrupted before the prompts were read")
		}
		return misused, err
	}
	to, todo, err := p.sink(prompts)
	if err != nil {
		return misused, err
	}
	progress := p.newProgress(len(prompts), len(prompts)-len(todo))
	err = errors.Join(p.askAll(ctx, todo, to, progress), to.close())
	status = progress.end(ctx.Err() != nil, to)
	if err != nil {
		status = failed
	}
	return status, err
}

// serverName is what results say of who answered.
func (p *program) serverName() string {
	if p.endpoint == "" {
		return embeddedName
	}
	return p.endpoint
}

// sink returns where the results go, and the prompts that have none yet.
func (p *program) sink(prompts []prompt) (to sink, todo []prompt, err error) {
	if p.out == "" {
		return newPrinter(p.results, prompts), prompts, nil
	}
	if sameFile(p.out, p.prompts) {
		return nil, nil, fmt.Errorf("-out: %s has the prompts: want another file", p.out)
	}
	s, err := openStore(p.out)
	if err != nil {
		return nil, nil, err
	}
	if err := s.check(p.serverName(), p.model, prompts, p.redactor); err != nil {
		s.abandon()
		return nil, nil, err
	}
	for _, q := range prompts {
		if r, ok := s.done[q.line]; !ok || (r.Error != nil && p.retryFailed) {
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
func (p *program) askAll(ctx context.Context, todo []prompt, to sink, progress *progress) error {
	if len(todo) == 0 {
		return nil
	}
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		progress.stopping(p.patience)
		time.AfterFunc(p.patience, cancel)
	})()

	a, stop, err := p.connect(calls, progress.gate)
	if err != nil {
		return err
	}
	defer stop()
	a.watch = progress.event

	feed, stopFeed := context.WithCancel(ctx)
	defer stopFeed()
	k := &keeper{to: to, progress: progress, giveUp: func() { stopFeed(); cancel() }}
	p.askers(calls, a, feedPrompts(feed, todo), k.keep)
	return k.err
}

// keeper keeps the results as they come, one at a time.
type keeper struct {
	to       sink
	progress *progress
	giveUp   func() // what cannot be kept need not be asked

	mu  sync.Mutex
	err error
}

// keep returns when the result is kept. Whoever asked waits for that before
// taking the next prompt, so that a program that is killed has asked no prompt
// in vain but those in flight.
func (k *keeper) keep(r record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return
	}
	if k.err = k.to.put(r); k.err != nil {
		k.giveUp()
		return
	}
	k.progress.add(r)
}

// feedPrompts hands out the prompts until ctx ends.
func feedPrompts(ctx context.Context, todo []prompt) <-chan prompt {
	feed := make(chan prompt)
	go func() {
		defer close(feed)
		for _, q := range todo {
			if ctx.Err() != nil { // select would toss a coin
				return
			}
			select {
			case feed <- q:
			case <-ctx.Done():
				return
			}
		}
	}()
	return feed
}

// askers ask what is fed to them, have the results kept, and return when all
// are done.
func (p *program) askers(ctx context.Context, a *asker, feed <-chan prompt, keep func(record)) {
	var working sync.WaitGroup
	for range p.parallel {
		working.Go(func() {
			for q := range feed {
				if r, asked := a.ask(ctx, q); asked {
					keep(r)
				}
			}
		})
	}
	working.Wait()
}
