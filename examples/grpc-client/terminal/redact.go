package terminal

import (
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Redactor removes the key from whatever is shown or written. A server may
// quote it in an error message, a user may have pasted it into a prompt.
type Redactor struct{ replacer *strings.Replacer }

// NewRedactor returns a redactor for the key, also where it is quoted or in an
// address; with an empty key it changes nothing.
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

// Writer redacts every write to w by itself: who writes must not split lines.
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
