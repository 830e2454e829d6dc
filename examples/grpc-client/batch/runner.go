package batch

import (
	"context"
	"sync"
	"time"

	"github.com/reinvoke/reinvoke/internal/progress"
)

// runner is a run with its counts.
type runner struct {
	*Batch
	to     sink
	report reporter
	tally  *tally
	count  func(prompts int) // for the display of progress
	giveUp func()            // ends the run: no place for results, no need for answers

	mu  sync.Mutex
	err error
}

// run asks the prompts of todo, of so many in all, and ends with the results.
func (r *runner) run(ctx context.Context, todo []prompt, total int) error {
	if err := r.askAll(ctx, todo, total); err != nil {
		r.to.abandon() // closing would fail again
		return err
	}
	return r.to.close()
}

// askAll asks the prompts, several at a time. After the end of ctx no further prompt is
// asked, and those in flight get some time to end.
func (r *runner) askAll(ctx context.Context, todo []prompt, total int) error {
	if len(todo) == 0 {
		return nil
	}
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		r.report.stopping(r.Patience)
		time.AfterFunc(r.Patience, cancel)
	})()

	client, stop, err := r.Connect(calls, r.tally.gate)
	if err != nil {
		return err
	}
	defer stop()
	a := &asker{client: client, server: r.Server, model: r.Model, stream: r.Stream, redactor: r.Redactor, watch: r.tally.event}

	feed, stopFeed := context.WithCancel(ctx)
	defer stopFeed()
	r.giveUp = func() { stopFeed(); cancel() }
	r.count = func(int) {}
	if c, shown := r.report.progress(r.tally); shown {
		c.Total, c.Done = total, total-len(todo)
		p := progress.Start(c)
		defer p.Stop()
		r.count = p.Add
	}
	r.askers(calls, a, feedPrompts(feed, todo), ctx)
	return r.err
}

// keep keeps a result, one at a time. The asking goroutine takes the next prompt after
// keep: a killed program has lost the prompts in flight only.
func (r *runner) keep(rec Record, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended && r.err == nil {
		if r.err = r.to.put(rec); r.err == nil {
			r.tally.add(rec)
			r.count(1)
			return
		}
		r.giveUp()
	}
	r.tally.cut(rec)
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

// askers ask the prompts of feed until whole ends, keep the results, and return after the
// last result.
func (r *runner) askers(ctx context.Context, a *asker, feed <-chan prompt, whole context.Context) { //nolint:revive // ctx is that of the calls
	var working sync.WaitGroup
	for range r.Parallel {
		working.Go(func() {
			for q := range feed {
				if whole.Err() != nil { // the feed may hear of that later
					return
				}
				r.tally.ask()
				r.keep(a.ask(ctx, q))
			}
		})
	}
	working.Wait()
}
