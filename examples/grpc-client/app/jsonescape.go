package app

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// printable returns lines of JSON in which every rune that is not printable is spelled as
// \u009b. They mean the same: such runes stand in strings alone, and encoding/json has
// left only those that are harmless to programs. To a terminal they are not.
func printable(lines []byte) []byte {
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

// printableJSON is a writer of lines of JSON that are printable.
type printableJSON struct{ to io.Writer }

func (w printableJSON) Write(lines []byte) (int, error) {
	if _, err := w.to.Write(printable(lines)); err != nil {
		return 0, err
	}
	return len(lines), nil
}
