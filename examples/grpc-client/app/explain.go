package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// explainError prints what would become of a call that fails with an error, again and
// again.
func (p *program) explainError() (status int, err error) {
	text := p.explain
	if text == "-" {
		data, err := io.ReadAll(io.LimitReader(p.in, policyfile.MaxSize))
		if err != nil {
			return misused, fmt.Errorf("-explain: standard input: %w", err)
		}
		text = string(data)
	}
	pasted, err := parsePasted(p.redactor.text(text))
	if err != nil {
		return misused, fmt.Errorf("-explain: %w", err)
	}
	c, err := loadTable(p.table)
	if err != nil {
		return misused, fmt.Errorf("-table: %w", err)
	}
	x, err := newExplanation(c, p.method, pasted)
	if err != nil {
		return misused, err
	}
	p.screen.printf("%s", x.String())
	return succeeded, nil
}

// loadTable reads the configuration of -table: a policy file, or a gRPC service
// config.
func loadTable(path string) (policy.Config, error) {
	if path == "" {
		return policy.DefaultConfig(), nil
	}
	c, err := policyfile.LoadFile(path)
	if err == nil {
		return c, nil
	}
	data, readErr := os.ReadFile(path) //nolint:gosec // whoever names the file wants it read
	if readErr != nil || !bytes.Contains(data, []byte(`"methodConfig"`)) {
		return c, err
	}
	f, openErr := os.Open(path) //nolint:gosec // as above
	if openErr != nil {
		return c, openErr
	}
	defer f.Close() //nolint:errcheck // it is only read
	return policyfile.FromServiceConfig(f)
}

// explanation is what is known of a failure, and what follows from it.
type explanation struct {
	pasted     error
	failure    codes.Failure
	assumed    string // of its reach
	method     string
	repeatable bool
	because    string // it is, or is not
	state      policy.State
	gateConfig policy.GateConfig
}

// newExplanation looks up what a configuration says.
func newExplanation(c policy.Config, method string, pasted error) (*explanation, error) {
	live, err := policy.NewLive(c)
	if err != nil {
		return nil, err
	}
	cfg, section := live.For(method)
	table, settings := cfg.Table, policy.Settings{Limits: cfg.Limits}
	section.Override(&table, &settings)
	x := &explanation{pasted: pasted, method: method, gateConfig: cfg.Gate}
	x.state = policy.State{Table: &table, Limits: settings.Limits, Codes: settings.Codes, Attempts: 1, Tokens: 1e9, Earned: 1e9}
	x.state.Deadline, x.state.Remaining = settings.Timeout > 0, settings.Timeout
	x.repeatable, x.because = repeatable(method)
	if said := settings.Repeatable; said != nil {
		x.repeatable, x.because = *said, "the section "+section.Pattern+" says so"
	}
	x.state.Repeatable = x.repeatable
	x.classify()
	return x, nil
}

// repeatable says whether a method may run twice, and why.
func repeatable(method string) (yes bool, because string) {
	if method == "" {
		return true, "assumed, since no -method was given"
	}
	switch yes, by := interceptor.KnownRepeatable(method); by {
	case "name":
		return yes, "it is in the list for Gemini and Vertex AI"
	case "exception":
		return yes, "it acts or stores: an exception in the list for Gemini and Vertex AI"
	case "":
		return yes, "nothing is known of it; interceptor.Repeatable() would allow it"
	default:
		return yes, "its descriptor says so (" + by + ")"
	}
}

// classify finds the class. An error that was pasted has left no trailer: unless its
// text is one that grpc-go writes itself, it counts as one that the server sent.
func (x *explanation) classify() {
	if ended := callersOwn(x.pasted); ended != nil {
		x.failure = codes.Classify(x.pasted, codes.Evidence{Caller: ended})
		x.assumed = "this is the text of the caller's own context, whose time was up or which was cancelled"
		return
	}
	x.failure = codes.Classify(x.pasted, codes.Evidence{Watched: true, Doubtful: true})
	headed := codes.Evidence{Watched: true, Stream: true, Header: metadata.Pairs("content-type", "application/grpc")}
	if codes.Classify(x.pasted, headed).Rule != x.failure.Rule { // after headers it would be a server's word
		x.failure = codes.Classify(x.pasted, codes.Evidence{Watched: true})
	}
	switch {
	case x.failure.Reach == codes.Unsent:
		x.assumed = "grpc-go writes this text before there is a stream"
	case x.failure.Reach == codes.Answered:
		x.assumed = "the details can only have come from the server"
	case x.failure.Class == codes.Network:
		x.assumed = "grpc-go wrote this text itself; whether the request was sent is not known"
	case x.failure.Class == codes.Ended:
		x.assumed = "the caller's own context has ended"
	default:
		x.failure = codes.Classify(x.pasted, codes.Evidence{
			Watched: true, Stream: true, Trailer: metadata.Pairs("content-type", "application/grpc"),
		})
		x.assumed = "assumed; grpc-go writes no such text itself"
	}
}

// callersOwn returns the error of the caller's context if that is what a text is of:
// grpc-go puts it into the status of a call that its caller has ended.
func callersOwn(err error) error {
	st, _ := codes.StatusOf(err)
	switch {
	case st.Code() == grpccodes.DeadlineExceeded && strings.HasSuffix(st.Message(), context.DeadlineExceeded.Error()):
		return context.DeadlineExceeded
	case st.Code() == grpccodes.Canceled && strings.HasSuffix(st.Message(), context.Canceled.Error()):
		return context.Canceled
	}
	return nil
}

// String returns the explanation in lines.
func (x *explanation) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...)) // it takes every write
	}
	f := &x.failure
	st, _ := codes.StatusOf(x.pasted)
	line("status", "%s: %s", f.Code, foreign.Text(oneLine(st.Message())))
	line("class", "%v", f.Class)
	line("rule", "%s: %s", f.Rule, codes.SourceOf(f.Rule))
	line("reach", "%v: %s", f.Reach, x.assumed)
	if f.Reason != "" {
		line("reason", "%s, of %s", foreign.Text(f.Reason), foreign.Text(f.Domain))
	}
	if f.QuotaID != "" {
		line("quota", "%s", foreign.Text(f.QuotaID))
	}
	switch {
	case f.Delay > 0 && f.Asked:
		line("asks for", "%v", f.Delay)
	case f.Delay > 0:
		line("known", "to pass in %v", f.Delay)
	}
	name := x.method
	if name == "" {
		name = "any method"
	}
	if x.repeatable {
		line("method", "%s may run twice: %s", name, x.because)
	} else {
		line("method", "%s may not run twice: %s", name, x.because)
	}
	line("row", "%v", x.state.Table[f.Class])
	x.schedule(line)
	x.gate(line)
	return b.String()
}

// schedule prints when each retry would be made, until the call ends. The figures are
// those of policy.Decide, with the dice at either end.
func (x *explanation) schedule(line func(name, format string, args ...any)) {
	const most = 10 // lines
	s := x.state
	for n := 1; ; n++ {
		first, last := policy.Decide(s, x.failure, 0), policy.Decide(s, x.failure, 1)
		switch {
		case !first.Retry:
			line("then", "the call ends with this error: %v%s", first.Why, meaning(first.Why))
			return
		case n > most:
			line("...", "up to %d retries", x.state.Table[first.Class].Retries)
			return
		}
		wait := first.Wait.Round(time.Millisecond).String()
		if last.Wait > first.Wait {
			wait += " to " + last.Wait.Round(time.Millisecond).String()
		}
		line(fmt.Sprintf("retry %d", n), "after %s (%v)", wait, first.Why)
		s = s.Count(first)
		s.Elapsed += first.Wait
		s.Remaining -= first.Wait
	}
}

// meaning says in words why a call is not retried, where the name does not.
func meaning(why policy.Why) string {
	switch why {
	case policy.NeverRetried:
		return ", waiting does not help, or the table says no"
	case policy.NotRepeatable:
		return ", the server may have acted on the request"
	case policy.HintTooLong:
		return ", the server asks for more than is waited out"
	case policy.DeadlineTooNear:
		return ", the wait does not fit into the timeout of the method"
	default:
		return ""
	}
}
