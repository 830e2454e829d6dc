package batch

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/internal/progress"
)

// lines is a reporter for programs: an object a line, each with a type. Times are in
// seconds.
type lines struct {
	to            io.Writer
	server, model string
}

type (
	beginLine struct {
		Type    string `json:"type"`
		Server  string `json:"server"`
		Model   string `json:"model"`
		Prompts int    `json:"prompts"`
		Before  int    `json:"before"` // prompts with a result from earlier runs
	}
	progressLine struct {
		Type string `json:"type"`
		counts
		Done    int     `json:"done"` // prompts with a result, those of earlier runs included
		Prompts int     `json:"prompts"`
		Elapsed float64 `json:"elapsed"`
	}
	stoppingLine struct {
		Type     string  `json:"type"`
		Patience float64 `json:"patience"` // for calls in flight to end
	}
)

// line encodes an object, without a newline.
func line(object any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(object) // a plain struct has a JSON form
	return string(bytes.TrimSuffix(terminal.Printable(b.Bytes()), []byte("\n")))
}

// write writes an object. An [terminal.Output] remembers the error.
func (l *lines) write(object any) { _, _ = io.WriteString(l.to, line(object)+"\n") }

func (l *lines) begin(total, before int) {
	l.write(beginLine{Type: "batch", Server: l.server, Model: l.model, Prompts: total, Before: before})
}

func (l *lines) progress(t *tally) (c progress.Config, shown bool) {
	text := func(s progress.State) string {
		return line(progressLine{Type: "progress", counts: t.now(), Done: s.Done, Prompts: s.Total, Elapsed: s.Elapsed.Seconds()})
	}
	return progress.Config{Line: progress.NewLine(l.to), Text: text}, true
}

func (l *lines) stopping(patience time.Duration) {
	l.write(stoppingLine{Type: "interrupted", Patience: patience.Seconds()})
}

func (l *lines) end(s summary) { l.write(s) }
