package policyfile

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Messages quote a file that anybody may have written. What they quote is cut, so
// that a message stays a line, and escaped, so that it cannot move the cursor of a
// terminal.

// mostShown is how many bytes of a name a message shows. Judgement: the names of
// fields have 16 at most, and those of methods seldom more than 100.
const mostShown = 100

// shown returns a name as messages have it: in quotes if it is empty, cut, or not
// printable as it is.
func shown(name string) string {
	if name == "" {
		return `""`
	}
	if len(name) <= mostShown {
		return printable(name)
	}
	return shownQuoted(name)
}

// shownQuoted is shown for a name that stands in quotes in any case.
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

// printable returns the text, or the text in quotes and escaped where it is not
// printable.
func printable(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return text
	}
	return strconv.Quote(text)
}

// cut shortens a text to a number of bytes, and puts it on one line.
func cut(text string, most int) string {
	enough := min(len(text), 4*most) // with the blanks that will go
	line := strings.Join(strings.Fields(text[:enough]), " ")
	if len(line) <= most && enough == len(text) {
		return line
	}
	return strings.ToValidUTF8(line[:min(len(line), most)], "") + "..."
}
