package terminal

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns lines of JSON with the same meaning, where every rune outside
// [strconv.IsPrint] is spelled as \u009b. Such runes occur in strings only; encoding/json
// leaves those harmless to programs, though not to terminals.
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

// JSONWriter returns a writer to w for lines of JSON, by way of [Printable].
func JSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ to io.Writer }

func (w jsonWriter) Write(lines []byte) (int, error) {
	if _, err := w.to.Write(Printable(lines)); err != nil {
		return 0, err
	}
	return len(lines), nil
}
