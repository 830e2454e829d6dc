package app

import (
	"fmt"
	"io"
	"strings"

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
	read, err := explain(p.redactor.text(text))
	if err != nil {
		return misused, fmt.Errorf("-explain: %w", err)
	}
	c, warnings, err := loadTable(p.table)
	if err != nil {
		return misused, fmt.Errorf("-table: %w", err)
	}
	for _, w := range warnings {
		read.unread = append(read.unread, "of -table: "+strings.TrimPrefix(w.Error(), "policyfile: "))
	}
	if p.method != "" {
		read.refused = read.refused && (read.method == "" || read.method == p.method)
		read.method = p.method
	}
	x, err := newExplanation(c, read)
	if err != nil {
		return misused, err
	}
	p.screen.printf("%s", x.String())
	return succeeded, nil
}

// explanation is what is known of a failure, and what follows from it.
type explanation struct {
	pasted

	failure    codes.Failure
	repeatable bool
	because    string // it is, or is not
	state      policy.State
	gateConfig policy.GateConfig
}

// newExplanation looks up what a configuration says.
func newExplanation(c policy.Config, read pasted) (*explanation, error) {
	method := read.method
	live, err := policy.NewLive(c)
	if err != nil {
		return nil, err
	}
	cfg, section := live.For(method)
	table, settings := cfg.Table, policy.Settings{Limits: cfg.Limits}
	section.Override(&table, &settings)
	x := &explanation{pasted: read, failure: read.failure(), gateConfig: cfg.Gate}
	x.state = policy.State{Table: &table, Limits: settings.Limits, Codes: settings.Codes, Attempts: 1, Tokens: 1e9, Earned: 1e9}
	x.state.Deadline, x.state.Remaining = settings.Timeout > 0, settings.Timeout
	x.repeatable, x.because = repeatable(method)
	if read.refused {
		x.repeatable, x.because = false, "the text says so"
	}
	if said := settings.Repeatable; said != nil {
		x.repeatable, x.because = *said, "the section "+section.Pattern+" says so"
		x.state.NotRepeatable = !*said
	}
	x.state.Repeatable = x.repeatable
	x.state.OwnQuota = policy.IsCalled(x.failure.Service, method, "")
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

// String returns the explanation in lines.
func (x *explanation) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...)) // it takes every write
	}
	f := &x.failure
	line("status", "%s: %s", f.Code, foreign.Text(oneLine(x.status.Message())))
	line("class", "%v", f.Class)
	line("rule", "%s: %s", f.Rule, codes.SourceOf(f.Rule))
	line("reach", "%v: %s", f.Reach, x.assumed)
	for _, what := range x.unread {
		line("unread", "%s", foreign.Text(oneLine(what)))
	}
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
	name = foreign.Text(name)
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
