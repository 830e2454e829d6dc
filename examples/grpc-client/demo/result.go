package demo

import (
	"fmt"

	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/foreign"
)

// result is the outcome of a call, from the events and for the caller.
type result struct {
	number int
	scene  scene

	end   interceptor.Event // of the call
	class codes.Class       // of the failures
	seen  int               // attempts in the count of the server, or unseen
	text  string            // the answer, redacted
	err   error             // not to be shown
	fault string            // the text of err, redacted
	mixed bool              // the failures had several classes

	with, without *throng // of a crowd, with the gate and without; nil for a call
}

// unseen stands for the count of somebody else's server.
const unseen = -1

// note takes an event of the call.
func (r *result) note(e interceptor.Event) {
	if e.Failure.Class != codes.None {
		r.mixed = r.mixed || (r.class != codes.None && r.class != e.Failure.Class)
		r.class = e.Failure.Class
	}
	if e.Outcome != interceptor.Pending {
		r.end = e
	}
}

// differences lists the deviations of the call from the script.
func (r *result) differences() []string {
	var all []string
	differ := func(what string, got, want any) {
		if got != want {
			all = append(all, fmt.Sprintf("%s %s, want %v", what, foreign.Text(fmt.Sprint(got)), want))
		}
	}
	want := r.scene.want
	if r.scene.crowd {
		differ("calls answered", r.with.answered, crowdCalls)
		if r.with.requests > r.without.requests {
			differ("requests", r.with.requests, fmt.Sprintf("at most the %d without the gate", r.without.requests))
		}
		return all
	}
	if r.scene.free {
		differ("code", terminal.CodeName(r.err), "OK")
		return all
	}
	differ("class", r.class, want.class)
	differ("outcome", r.end.Outcome, want.outcome)
	differ("reason", r.end.Decision.Why, want.why)
	differ("code", terminal.CodeName(r.err), terminal.CodeName(status.Error(want.code, "")))
	differ("attempts", r.end.Attempt, want.attempts)
	differ("fallback", r.end.Fallback, want.fallback)
	if want.text != "" {
		differ("answer", r.text, want.text)
	}
	if r.seen != unseen {
		differ("attempts seen by the server", r.seen, want.attempts)
	}
	if r.mixed {
		all = append(all, "several classes, want one")
	}
	if waited := min(r.end.Waited, r.end.Took); waited < want.waited {
		all = append(all, fmt.Sprintf("waited %v, want at least %v", terminal.Seconds(waited), terminal.Seconds(want.waited)))
	}
	if r.err == nil && r.text == "" {
		all = append(all, "no answer")
	}
	return all
}
