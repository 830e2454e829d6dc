package batch

import (
	"context"
	"sync"
)

// sink takes results in the order in which they come.
type sink interface {
	put(r Record) error
	close() error
	// failed returns how many prompts have failed, in earlier runs too.
	failed() int
	// resumes reports whether a later run can go on from here.
	resumes() bool
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
func (k *keeper) keep(r Record) {
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
func askers(ctx context.Context, parallel int, a *asker, feed <-chan prompt, keep func(Record)) {
	var working sync.WaitGroup
	for range parallel {
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
