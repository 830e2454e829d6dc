package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/foreign"
)

// result is how a call ended, as its events and its caller saw it.
type result struct {
	number int
	scene  scene

	end   interceptor.Event // of the call
	class codes.Class       // of its failures
	seen  int               // attempts that the server counted, or unseen
	text  string            // what the caller got, redacted
	err   error             // not to be shown
	fault string            // what there is to show of it, redacted
	mixed bool              // its failures were of several classes

	with, without *throng // of a crowd, with the gate and without; nil for a call
}

// unseen stands for the count of a server that is not ours.
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

// differences says in what the call did not end as it should.
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
		differ("code", codeName(r.err), "OK")
		return all
	}
	differ("class", r.class, want.class)
	differ("outcome", r.end.Outcome, want.outcome)
	differ("reason", r.end.Decision.Why, want.why)
	differ("code", codeName(r.err), codeName(status.Error(want.code, "")))
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
		all = append(all, fmt.Sprintf("waited %v, want at least %v", seconds(waited), seconds(want.waited)))
	}
	if r.err == nil && r.text == "" {
		all = append(all, "no answer")
	}
	return all
}

// codeName spells the code of an error as the gRPC documents do.
func codeName(err error) string {
	return nameOf(status.Code(err))
}

func nameOf(c grpccodes.Code) string {
	if name, ok := code.Code_name[int32(c)]; ok { //nolint:gosec // codes are small
		return name
	}
	return c.String()
}

// shown describes an error as a terminal and a file may have it. The key goes first: of
// one that was cut, a part would be left.
func shown(err error, by redactor) string { return foreign.Text(by.text(describe(err))) }

// describe says what is wrong, in one line: the code and message of the
// status, without the history and the details that errors carry too.
func describe(err error) string {
	var st interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &st) {
		return oneLine(err.Error())
	}
	return oneLine(codeName(err) + ": " + st.GRPCStatus().Message())
}

// oneLine joins the lines of a text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// seconds prints a duration in seconds, as "1.30 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
