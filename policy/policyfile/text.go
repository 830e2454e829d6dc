package policyfile

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Messages quote files from unknown authors. Quoted text is cut to keep a message on one line,
// and escaped to keep control characters from the terminal.

// mostShown is the most bytes of a name in a message. Judgement: field names have at most 16,
// method names seldom more than 100.
const mostShown = 100

// shown returns a name for a message: in quotes if the name is empty, cut or unprintable.
func shown(name string) string {
	if name == "" {
		return `""`
	}
	if len(name) <= mostShown {
		return printable(name)
	}
	return shownQuoted(name)
}

// shownQuoted is shown, but always with quotes.
func shownQuoted(name string) string {
	if len(name) <= mostShown {
		return strconv.Quote(name)
	}
	end := mostShown
	for end > mostShown-utf8.UTFMax && !utf8.RuneStart(name[end]) {
		end--
	}
	return strconv.Quote(name[:end]) + "..."
}

// printable returns printable text unchanged, and other text quoted and escaped.
func printable(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return text
	}
	return strconv.Quote(text)
}

// cut shortens a text to at most this many bytes, and joins its lines.
func cut(text string, most int) string {
	enough := min(len(text), 4*most) // room for blanks to be removed
	line := strings.Join(strings.Fields(text[:enough]), " ")
	if len(line) <= most && enough == len(text) {
		return line
	}
	return strings.ToValidUTF8(line[:min(len(line), most)], "") + "..."
}
