// Package explain predicts the course of a call from an error in a
// log: pasted.go reads the text, forms.go lists the forms of text, explain.go asks the
// policy, gate.go the gate.
package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// Options are the error and the circumstances.
type Options struct {
	Text   string // of the error, or "-" for in
	In     io.Reader
	Table  string // a file, or "" for the default
	Method string // whatever the text names, or ""
	Redact func(string) string
}

// Of predicts the course of a call, if every attempt fails with the
// error.
func Of(o Options) (*Explanation, error) {
	text := o.Text
	if text == "-" {
		data, err := io.ReadAll(io.LimitReader(o.In, policyfile.MaxSize))
		if err != nil {
			return nil, fmt.Errorf("-explain: standard input: %w", err)
		}
		text = string(data)
	}
	read, err := explain(o.Redact(text))
	if err != nil {
		return nil, fmt.Errorf("-explain: %w", err)
	}
	c, warnings, err := loadTable(o.Table)
	if err != nil {
		return nil, fmt.Errorf("-table: %w", err)
	}
	for _, w := range warnings {
		read.unread = append(read.unread, o.Redact("of -table: "+strings.TrimPrefix(w.Error(), "policyfile: ")))
	}
	if o.Method != "" {
		read.refused = read.refused && (read.method == "" || read.method == o.Method)
		read.method = o.Method
	}
	return newExplanation(c, read)
}

// Explanation is a failure with the consequences.
type Explanation struct {
	pasted

	failure    codes.Failure
	repeatable bool
	because    string // reason for repeatable
	state      policy.State
	gateConfig policy.GateConfig
}

// newExplanation applies a configuration.
func newExplanation(c policy.Config, read pasted) (*Explanation, error) {
	method := read.method
	live, err := policy.NewLive(c)
	if err != nil {
		return nil, err
	}
	cfg, section := live.For(method)
	table, settings := cfg.Table, policy.Settings{Limits: cfg.Limits}
	section.Override(&table, &settings)
	x := &Explanation{pasted: read, failure: read.failure(), gateConfig: cfg.Gate}
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

// String returns the explanation in lines.
func (x *Explanation) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...)) // a builder takes every write
	}
	f := &x.failure
	line("status", "%s: %s", f.Code, foreign.Text(terminal.OneLine(x.status.Message())))
	line("class", "%v", f.Class)
	line("rule", "%s: %s", f.Rule, codes.SourceOf(f.Rule))
	line("reach", "%v: %s", f.Reach, x.assumed)
	for _, what := range x.unread {
		line("unread", "%s", foreign.Text(terminal.OneLine(what)))
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
		line("method", "%s runs again after an unprocessed request only: %s", name, x.because)
	}
	line("row", "%v", x.state.Table[f.Class])
	x.schedule(line)
	x.gate(line)
	return b.String()
}
