package batch

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// progress counts what a batch has done, and shows it on a terminal.
type progress struct {
	screen *terminal.Screen
	bar    *progressbar.ProgressBar // nil where there is no terminal

	total, before    int // prompts; those that earlier runs have done
	answered, failed int
	attempts         int
	waited           float64      // seconds
	retries          atomic.Int64 // counted while calls are running
	closings, held   atomic.Int64 // of the gate; calls that waited there
}

// newProgress starts to count, and says what there is to do.
func (b *Batch) newProgress(total, before int) *progress {
	g := &progress{screen: b.Screen, total: total, before: before}
	if b.About != "" {
		g.screen.Printf("%s\n", b.About)
	}
	switch {
	case before == total:
		g.screen.Printf("All %s done before: nothing to ask.\n", terminal.Plural(total, "prompt"))
	case before > 0:
		g.screen.Printf("%d of %s done before: going on with the other %d.\n", before, terminal.Plural(total, "prompt"), total-before)
	}
	if g.screen.Live && !b.Scrolling && total > before {
		g.bar = progressbar.NewOptions(
			total,
			progressbar.OptionSetWriter(g.screen.To),
			progressbar.OptionSetDescription("asking"),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
		_ = g.bar.Set(before) // drawing is all that can fail
	}
	return g
}

// event takes an event of any call.
func (g *progress) event(e interceptor.Event) {
	if e.Outcome != interceptor.Pending && e.Gated > 0 {
		g.held.Add(1)
	}
	if !e.Decision.Retry {
		return
	}
	n := g.retries.Add(1)
	if g.bar != nil {
		g.bar.Describe(fmt.Sprintf("asking (retries: %d)", n))
	}
}

// gate takes what the gate has done.
func (g *progress) gate(e interceptor.GateEvent) {
	if e.State == gate.Closed {
		g.closings.Add(1)
	}
}

// add counts a result.
func (g *progress) add(r Record) {
	g.attempts += r.Attempts
	g.waited += r.Waited
	if r.Error == nil {
		g.answered++
	} else {
		g.failed++
	}
	if g.bar != nil {
		_ = g.bar.Add(1) // drawing is all that can fail
	}
}

// stopping says why the program does not end at once.
func (g *progress) stopping(grace time.Duration) {
	if g.bar != nil {
		_ = g.bar.Clear()
	}
	g.screen.Printf("Interrupted: the calls in flight get %v to end; interrupt again to end at once.\n", grace)
}

// end sums up and returns the exit status.
func (g *progress) end(stopped bool, to sink) int {
	if g.bar != nil {
		_ = g.bar.Clear()
	}
	asked := g.answered + g.failed
	if g.before < g.total {
		g.screen.Printf(
			"%s asked: %d answered, %d failed; %s, waited %.2f s in all.\n",
			terminal.Plural(asked, "prompt"), g.answered, g.failed, terminal.Plural(g.attempts, "attempt"), g.waited,
		)
	}
	if n := g.closings.Load(); n > 0 {
		g.screen.Printf(
			"The gate closed %s; %s waited there.\n",
			terminal.Plural(int(n), "time"), terminal.Plural(int(g.held.Load()), "prompt"),
		)
	}
	if earlier := to.failed() - g.failed; earlier > 0 {
		g.screen.Printf("%s failed in an earlier run: -retry-failed asks again.\n", terminal.Plural(earlier, "prompt"))
	}
	left := g.total - g.before - asked
	if left > 0 && to.resumes() {
		g.screen.Printf("%s left: the same command again goes on from here.\n", terminal.Plural(left, "prompt"))
	}
	switch {
	case stopped && left > 0:
		return exit.Interrupted
	case to.failed() > 0 || left > 0:
		return exit.Failed
	}
	return exit.OK
}
