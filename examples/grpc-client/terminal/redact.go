package terminal

import (
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Redactor removes the key from shown and written text. A server may quote the
// key in an error message, a user may have pasted the key into a prompt.
type Redactor struct{ replacer *strings.Replacer }

// NewRedactor returns a redactor for the key, also quoted or in an address. An empty
// key changes nothing.
func NewRedactor(key string) Redactor {
	if key == "" {
		return Redactor{strings.NewReplacer()}
	}
	var pairs []string
	quoted := strconv.Quote(key)
	for _, spelling := range []string{key, quoted[1 : len(quoted)-1], url.QueryEscape(key), url.PathEscape(key)} {
		pairs = append(pairs, spelling, "[key]")
	}
	return Redactor{strings.NewReplacer(pairs...)}
}

// Text returns a text without the key.
func (r Redactor) Text(s string) string { return r.replacer.Replace(s) }

// Writer redacts every write to w separately: a write must be whole lines.
func (r Redactor) Writer(w io.Writer) io.Writer { return redactingWriter{r, w} }

type redactingWriter struct {
	redactor Redactor
	to       io.Writer
}

func (w redactingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.redactor.Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
