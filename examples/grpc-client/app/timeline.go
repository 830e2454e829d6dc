package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// reporter shows what happens.
type reporter interface {
	// policy comes first: the table in force, and whether it is scaled.
	policy(t policy.Table, about string)
	// begin comes before each call, attempt after each attempt, end after
	// the call.
	begin(number int, s scene)
	attempt(e interceptor.Event)
	end(r result)
	// gate tells what the gate does while a crowd calls.
	gate(e interceptor.GateEvent)
	// interrupted comes instead of what is left.
	interrupted()
	// close comes last. It tells the results that are not as they should be.
	close(all []result, took time.Duration)
}

// timeline is a reporter for people.
type timeline struct {
	*screen
	stop func() // ends the countdown
	shot bool   // the stream of this call has shown something
}

func newTimeline(s *screen) *timeline { return &timeline{screen: s, stop: func() {}} }

func (t *timeline) policy(table policy.Table, about string) {
	head, rows, _ := strings.Cut(strings.TrimRight(table.String(), "\n"), "\n")
	t.printf("%s\n\n%s\n%s\n\n", t.paint(bold, about), t.paint(faint, head), rows)
}

func (t *timeline) begin(number int, s scene) {
	t.shot = false
	limit := ""
	if s.deadline > 0 {
		limit = ", deadline " + seconds(s.deadline)
	}
	if s.crowd {
		limit = fmt.Sprintf(", %d calls in %s", crowdCalls, seconds(crowdCalls*crowdBeat))
	}
	t.printf(
		"%s  %s  %s\n", t.paint(faint, fmt.Sprintf("%3d", number)),
		t.paint(bold, s.title), t.paint(faint, s.method+limit),
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
		t.row(e, green, "OK", "", "", what)
		return
	}
	t.failed(e)
	if e.Decision.Retry && e.Decision.Wait > 0 {
		t.stop = t.countdown(e.Decision.Wait)
	}
}

// failed shows a failure and what was decided about it.
func (t *timeline) failed(e interceptor.Event) {
	next, colour := fmt.Sprintf("no retry: %v", e.Decision.Why), red
	switch {
	case e.Decision.Retry && t.shot:
		next, colour = fmt.Sprintf("resumed in %s: %v", seconds(e.Decision.Wait), e.Decision.Why), yellow
	case e.Decision.Retry && e.Decision.Wait == 0:
		next, colour = fmt.Sprintf("again at once: %v", e.Decision.Why), yellow
	case e.Decision.Retry:
		next, colour = fmt.Sprintf("again in %s: %v", seconds(e.Decision.Wait), e.Decision.Why), yellow
	}
	t.row(e, colour, nameOf(e.Failure.Code), e.Failure.Class.String(), e.Failure.Rule, next)
}

// row is a line of the timeline.
func (t *timeline) row(e interceptor.Event, colour, code, class, rule, next string) {
	t.printf(
		"     %s %s %s %s  %s  %s\n",
		t.paint(faint, fmt.Sprintf("#%d", e.Attempt)), t.paint(colour, fmt.Sprintf("%-18s", code)),
		fmt.Sprintf("%-8s", class), t.paint(faint, fmt.Sprintf("%-18s", rule)),
		t.paint(faint, fmt.Sprintf("%7.1f ms", float64(e.Took.Microseconds())/1000)), next,
	)
}

// gate shows a change of the gate.
func (t *timeline) gate(e interceptor.GateEvent) {
	if e.State == gate.Open {
		t.printf("     %s: %s, %.0f leave in a second\n", t.paint(green, "the gate is open"), plural(e.Waiting, "call")+" wait", e.Pace)
		return
	}
	t.printf("     %s for %s: the server has asked for that, and calls wait before they are sent\n", t.paint(yellow, "the gate is closed"), seconds(e.Failure.Delay))
}

func (t *timeline) end(r result) {
	t.stop()
	t.stop = func() {}
	if r.scene.crowd {
		t.printf("     %v; %s waited at the gate%s\n", r.with, plural(r.with.held, "call"), t.verdict(r))
		t.printf("     %s\n\n", t.paint(faint, "without the gate: "+r.without.String()))
		return
	}
	if t.shot && r.err != nil { // of a stream that had begun there is no event but this
		t.failed(r.end)
	}
	if r.text != "" {
		t.printf("     %s\n", t.paint(faint, shorten(strconv.Quote(oneLine(r.text)), width)))
	}
	if r.fault != "" {
		t.printf("     %s\n", t.paint(faint, shorten(r.fault, width)))
	}
	t.printf("     %s%s\n\n", summary(r.end), t.verdict(r))
}

// width is how much of a text is shown.
const width = 92

// verdict says whether the call ended as it should.
func (t *timeline) verdict(r result) string {
	all := r.differences()
	switch {
	case len(all) > 0:
		return ": " + t.paint(red, "NOT as the policy says: "+strings.Join(all, "; "))
	case r.scene.free:
		return ""
	}
	return ": " + t.paint(green, "as the policy says")
}

func (t *timeline) interrupted() {
	t.stop()
	t.printf("\nInterrupted.\n")
}

// summary is the outcome of a call with its figures.
func summary(e interceptor.Event) string {
	s := fmt.Sprintf("%v after %s", e.Outcome, plural(e.Attempt, "attempt"))
	if e.Waited > 0 {
		s += ", waited " + seconds(e.Waited)
	}
	if e.Gated > 0 {
		s += " at the gate"
	}
	return s
}

func (t *timeline) close(all []result, took time.Duration) {
	t.printf("%s\n", t.tally(all))
	well := 0
	for _, r := range all {
		if differences := r.differences(); len(differences) > 0 {
			t.printf("call %d (%s)%s\n", r.number, r.scene.title, t.verdict(r))
		} else {
			well++
		}
	}
	colour := green
	if well < len(all) {
		colour = red
	}
	t.printf("%s, in %s.\n", t.paint(colour, fmt.Sprintf("%d of %d scenes ended as they should", well, len(all))), seconds(took))
}
