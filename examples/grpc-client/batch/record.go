package batch

import (
	"bytes"
	"encoding/json"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// Record is the outcome of a prompt: a line of the results and of the journal.
type Record struct {
	Type     string  `json:"type,omitempty"` // "result" among lines of other types
	Line     int     `json:"line"`
	Server   string  `json:"server"`
	Model    string  `json:"model"`
	Prompt   string  `json:"prompt"`
	Answer   string  `json:"answer"`
	Attempts int     `json:"attempts"`
	Waited   float64 `json:"waited"` // seconds, between the attempts
	Error    *string `json:"error"`  // nil if there is an answer
	Class    string  `json:"class,omitempty"`
	// Finish is the reason for the end of an answer, unless the answer was complete.
	Finish string `json:"finish,omitempty"`
	// Partial is the beginning of a streamed answer, before a failure.
	Partial string `json:"partial,omitempty"`
}

// encode returns the record as a line for a terminal.
func (r Record) encode() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r) // ends in a newline
	return terminal.Printable(b.Bytes()), err
}

// Decode reads a line. Unknown fields are an error: a file from elsewhere must not be
// taken for results and overwritten.
func Decode(line []byte) (r Record, err error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return r, err
	}
	if decoder.More() || r.Line < 1 || r.Model == "" || r.Server == "" {
		return r, errNoRecord
	}
	return r, nil
}

// redacted returns the record without the key. Encoding comes later, and may spell the key
// differently.
func (r Record) redacted(by terminal.Redactor) Record {
	for _, s := range []*string{&r.Server, &r.Model, &r.Prompt, &r.Answer, &r.Finish, &r.Partial} {
		*s = by.Text(*s)
	}
	if r.Error != nil {
		text := by.Text(*r.Error)
		r.Error = &text
	}
	return r
}
