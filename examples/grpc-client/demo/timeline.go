package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// reporter shows events.
type reporter interface {
	// policy comes first: the table in force, with a remark about the table.
	policy(t policy.Table, about string)
	// begin comes before each call, attempt after each attempt, end after
	// the call.
	begin(number int, s scene)
	attempt(e interceptor.Event)
	end(r result)
	// gate comes for each change of the gate while a crowd calls.
	gate(e interceptor.GateEvent)
	// interrupted comes instead of the rest.
	interrupted()
	// close comes last, with the sums.
	close(all []result, took time.Duration)
}

// timeline is a reporter for people.
type timeline struct {
	*terminal.Screen
	stop func() // ends the countdown
	shot bool   // the stream of this call has shown something
}

func newTimeline(s *terminal.Screen) *timeline { return &timeline{Screen: s, stop: func() {}} }

func (t *timeline) policy(table policy.Table, about string) {
	head, rows, _ := strings.Cut(strings.TrimRight(table.String(), "\n"), "\n")
	t.Printf("%s\n\n%s\n%s\n\n", t.Paint(terminal.Bold, about), t.Paint(terminal.Faint, head), rows)
}

func (t *timeline) begin(number int, s scene) {
	t.shot = false
	limit := ""
	if s.deadline > 0 {
		limit = ", deadline " + terminal.Seconds(s.deadline)
	}
	if s.crowd {
		limit = fmt.Sprintf(", %d calls in %s", crowdCalls, terminal.Seconds(crowdCalls*crowdBeat))
	}
	t.Printf(
		"%s  %s  %s\n", t.Paint(terminal.Faint, fmt.Sprintf("%3d", number)),
		t.Paint(terminal.Bold, s.title), t.Paint(terminal.Faint, s.method+limit),
	)
}

func (t *timeline) attempt(e interceptor.Event) {
	t.stop()
	t.stop = func() {}
	if e.Failure.Class == codes.None {
		what := "answered"
		switch {
		case e.Stream && t.shot && e.Attempt > 1:
			what = "goes on"
		case e.Stream:
			what = "first chunk"
		}
		if e.Fallback {
			what += ", by the fallback"
		}
		t.shot = e.Stream
		t.row(e, terminal.Green, "OK", "", "", what)
		return
	}
	t.failed(e)
	if e.Decision.Retry && e.Decision.Wait > 0 {
		t.stop = t.Countdown(e.Decision.Wait)
	}
}

// failed shows a failure and the decision.
func (t *timeline) failed(e interceptor.Event) {
	next, colour := fmt.Sprintf("no retry: %v", e.Decision.Why), terminal.Red
	switch {
	case e.Decision.Retry && t.shot:
		next, colour = fmt.Sprintf("resumed in %s: %v", terminal.Seconds(e.Decision.Wait), e.Decision.Why), terminal.Yellow
	case e.Decision.Retry && e.Decision.Wait == 0:
		next, colour = fmt.Sprintf("again at once: %v", e.Decision.Why), terminal.Yellow
	case e.Decision.Retry:
		next, colour = fmt.Sprintf("again in %s: %v", terminal.Seconds(e.Decision.Wait), e.Decision.Why), terminal.Yellow
	}
	t.row(e, colour, terminal.NameOf(e.Failure.Code), e.Failure.Class.String(), e.Failure.Rule, next)
}

// row is a line of the timeline.
func (t *timeline) row(e interceptor.Event, colour, code, class, rule, next string) {
	t.Printf(
		"     %s %s %s %s  %s  %s\n",
		t.Paint(terminal.Faint, fmt.Sprintf("#%d", e.Attempt)), t.Paint(colour, fmt.Sprintf("%-18s", code)),
		fmt.Sprintf("%-8s", class), t.Paint(terminal.Faint, fmt.Sprintf("%-18s", rule)),
		t.Paint(terminal.Faint, fmt.Sprintf("%7.1f ms", float64(e.Took.Microseconds())/1000)), next,
	)
}

// gate shows a change of the gate.
func (t *timeline) gate(e interceptor.GateEvent) {
	if e.State == gate.Open {
		t.Printf("     %s: %s, %.0f leave in a second\n", t.Paint(terminal.Green, "the gate is open"), terminal.Plural(e.Waiting, "call")+" wait", e.Pace)
		return
	}
	t.Printf("     %s for %s: the server has asked for that, and calls wait before they are sent\n", t.Paint(terminal.Yellow, "the gate is closed"), terminal.Seconds(e.Failure.Delay))
}

func (t *timeline) end(r result) {
	t.stop()
	t.stop = func() {}
	if r.scene.crowd {
		t.Printf("     %v; %s waited at the gate%s\n", r.with, terminal.Plural(r.with.held, "call"), t.verdict(r))
		t.Printf("     %s\n\n", t.Paint(terminal.Faint, "without the gate: "+r.without.String()))
		return
	}
	if t.shot && r.err != nil { // the only event of a stream after the beginning
		t.failed(r.end)
	}
	if r.text != "" {
		t.Printf("     %s\n", t.Paint(terminal.Faint, terminal.Shorten(strconv.Quote(terminal.OneLine(r.text)), width)))
	}
	if r.fault != "" {
		t.Printf("     %s\n", t.Paint(terminal.Faint, terminal.Shorten(r.fault, width)))
	}
	t.Printf("     %s%s\n\n", summary(r.end), t.verdict(r))
}

// width is how much of a text is shown.
const width = 92

// verdict compares the end of the call with the script.
func (t *timeline) verdict(r result) string {
	all := r.differences()
	switch {
	case len(all) > 0:
		return ": " + t.Paint(terminal.Red, "NOT as the policy says: "+strings.Join(all, "; "))
	case r.scene.free:
		return ""
	}
	return ": " + t.Paint(terminal.Green, "as the policy says")
}

func (t *timeline) interrupted() {
	t.stop()
	t.Printf("\nInterrupted.\n")
}

// summary returns the outcome of a call with figures.
func summary(e interceptor.Event) string {
	s := fmt.Sprintf("%v after %s", e.Outcome, terminal.Plural(e.Attempt, "attempt"))
	if e.Waited > 0 {
		s += ", waited " + terminal.Seconds(e.Waited)
	}
	if e.Gated > 0 {
		s += " at the gate"
	}
	return s
}

func (t *timeline) close(all []result, took time.Duration) {
	t.Printf("%s\n", t.tally(all))
	well := 0
	for _, r := range all {
		if differences := r.differences(); len(differences) > 0 {
			t.Printf("call %d (%s)%s\n", r.number, r.scene.title, t.verdict(r))
		} else {
			well++
		}
	}
	colour := terminal.Green
	if well < len(all) {
		colour = terminal.Red
	}
	t.Printf("%s, in %s.\n", t.Paint(colour, fmt.Sprintf("%d of %d scenes ended as they should", well, len(all))), terminal.Seconds(took))
}
