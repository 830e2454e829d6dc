package terminal

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns lines of JSON in which every rune that is not printable is spelled as
// \u009b. They mean the same: such runes stand in strings alone, and encoding/json has
// left only those that are harmless to programs. To a terminal they are not.
func Printable(lines []byte) []byte {
	safe := make([]byte, 0, len(lines))
	for len(lines) > 0 {
		r, size := utf8.DecodeRune(lines)
		switch {
		case r == '\n' || strconv.IsPrint(r):
			safe = append(safe, lines[:size]...)
		case r <= 0xffff:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		default:
			first, second := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, first, second)
		}
		lines = lines[size:]
	}
	return safe
}

// JSONWriter returns a writer that makes lines of JSON printable on their way to w.
func JSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ to io.Writer }

func (w jsonWriter) Write(lines []byte) (int, error) {
	if _, err := w.to.Write(Printable(lines)); err != nil {
		return 0, err
	}
	return len(lines), nil
}
