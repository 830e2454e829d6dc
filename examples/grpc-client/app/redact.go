package app

import (
	"io"
	"net/url"
	"strconv"
	"strings"
)

// redactor removes the key from whatever is shown or written. A server may
// quote it in an error message, a user may have pasted it into a prompt.
type redactor struct{ replacer *strings.Replacer }

// newRedactor returns a redactor for the key, also where it is quoted or in an
// address; with an empty key it changes nothing.
func newRedactor(key string) redactor {
	if key == "" {
		return redactor{strings.NewReplacer()}
	}
	var pairs []string
	quoted := strconv.Quote(key)
	for _, spelling := range []string{key, quoted[1 : len(quoted)-1], url.QueryEscape(key), url.PathEscape(key)} {
		pairs = append(pairs, spelling, "[key]")
	}
	return redactor{strings.NewReplacer(pairs...)}
}

func (r redactor) text(s string) string { return r.replacer.Replace(s) }

// writer redacts every write to w by itself: who writes must not split lines.
func (r redactor) writer(w io.Writer) io.Writer { return redactingWriter{r, w} }

type redactingWriter struct {
	redactor redactor
	to       io.Writer
}

func (w redactingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.redactor.text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
