package batch

import (
	"fmt"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/internal/progress"
)

// reporter tells about a run.
type reporter interface {
	// begin comes first: how many prompts there are, and how many have a result from
	// earlier runs.
	begin(total, before int)
	// progress returns how progress is shown, and false for not at all.
	progress(t *tally) (c progress.Config, shown bool)
	// stopping comes when a run is interrupted and ends soon.
	stopping(patience time.Duration)
	// end comes last.
	end(s summary)
}

// text is a reporter for people.
type text struct {
	*terminal.Screen
	about     string
	scrolling bool // see [Batch.Scrolling]
}

func (x *text) begin(total, before int) {
	if x.about != "" {
		x.Printf("%s\n", x.about)
	}
	switch {
	case before == total:
		x.Printf("All %s done before: nothing to ask.\n", terminal.Plural(total, "prompt"))
	case before > 0:
		x.Printf("%d of %s done before: going on with the other %d.\n", before, terminal.Plural(total, "prompt"), total-before)
	}
}

func (x *text) progress(t *tally) (c progress.Config, shown bool) {
	note := func() string {
		now := t.now()
		return fmt.Sprintf("%d failed, %s", now.Failed, retries(now.Retries))
	}
	return progress.Config{Label: "asking", Line: x.Line, Bar: x.Live, Note: note}, !x.scrolling
}

// retries counts retries in words.
func retries(n int) string {
	if n == 1 {
		return "1 retry"
	}
	return fmt.Sprintf("%d retries", n)
}

func (x *text) stopping(patience time.Duration) {
	x.Printf("Interrupted: the calls in flight get %v to end; interrupt again to end at once.\n", patience)
}

func (x *text) end(s summary) {
	if !s.nothing {
		cut := ""
		if s.Cut > 0 {
			cut = fmt.Sprintf(", %d without a result", s.Cut)
		}
		x.Printf(
			"%s asked: %d answered, %d failed%s; %s, waited %.2f s in all.\n",
			terminal.Plural(s.Asked, "prompt"), s.Answered, s.Failed, cut, terminal.Plural(s.Attempts, "attempt"), s.Waited,
		)
	}
	x.reasons(s.Reasons)
	if s.GateClosed > 0 {
		x.Printf("The gate closed %s; %s waited there.\n", terminal.Plural(s.GateClosed, "time"), terminal.Plural(s.GateHeld, "prompt"))
	}
	if s.FailedBefore > 0 {
		x.Printf("%s failed in an earlier run: -retry-failed asks again.\n", terminal.Plural(s.FailedBefore, "prompt"))
	}
	if s.Left > 0 && s.resumes {
		x.Printf("%s left: the same command again goes on from here.\n", terminal.Plural(s.Left, "prompt"))
	}
}

// reasons prints why prompts failed: how many, the class, the text.
func (x *text) reasons(all []reason) {
	const most = 10 // lines
	var b strings.Builder
	rest := 0
	for i, r := range all {
		if i >= most {
			rest += r.Prompts
			continue
		}
		class := r.Class
		if class == "" {
			class = "(none)"
		}
		_, _ = fmt.Fprintf(&b, "%6d  %-8s %s\n", r.Prompts, class, terminal.Shorten(r.Error, 92)) // a builder takes everything
	}
	if rest > 0 {
		_, _ = fmt.Fprintf(&b, "%6d  for other reasons\n", rest) // likewise
	}
	if b.Len() > 0 {
		x.Printf("Failed:\n%s", b.String())
	}
}
