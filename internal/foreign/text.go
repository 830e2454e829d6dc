// Package foreign makes texts from other parties fit for logs, error texts and
// terminals. The package is a leaf: it imports only the standard library.
package foreign

import (
	"strconv"
	"unicode/utf8"
)

// Most is the maximum number of bytes from [Text]. Judgement: the longest messages
// seen from Google's services have 400 bytes, and several texts of 512 bytes still
// fit a log line.
const Most = 512

// The note at the end of a cut text is the number of missing bytes between before and
// after.
const (
	before = "… ("
	after  = " bytes cut)"
)

// room is the length of the longest note.
const room = len(before) + len("9223372036854775807") + len(after)

// Text returns s in a printable form: at most [Most] bytes of valid UTF-8, all runes
// printable by strconv.IsPrint. Control characters, line breaks, invalid UTF-8, marks
// that change the direction of writing and spaces other than the ASCII space are
// spelled as in strconv.Quote: \n, \x1b, \u202e.
//
// Quotes and backslashes stay unchanged. The result is for people: s cannot be
// recovered from the result. Text leaves its own results unchanged.
//
// Text cuts a longer s between two characters and appends the number of missing bytes
// of s: "… (4096 bytes cut)".
//
// Text does not allocate if s needs no change, and reads no more than the first
// [Most] bytes of s and one rune. Text removes no secrets. Remove secrets before
// calling Text, because a secret cut in two is no longer recognizable.
func Text(s string) string { return Head(s, 0) }

// Head is [Text] for the beginning of a text with more bytes to follow. If more is
// not zero, the note is present and counts those bytes too.
func Head(s string, more int) string {
	if more == 0 && len(s) <= Most && printable(s) {
		return s
	}
	return spell(s, more)
}

// printable reports whether every rune of s can stay.
func printable(s string) bool {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if invalid(r, size) || !strconv.IsPrint(r) {
			return false
		}
		s = s[size:]
	}
	return true
}

// spell returns the printable form of s, cut if the form is too long or if more bytes
// follow.
func spell(s string, more int) string {
	text := make([]byte, 0, Most+utf8.UTFMax)
	kept, read := 0, 0 // lengths of text and of s before the note, if a note is needed
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		text = appendRune(text, s[at:at+size], r)
		at += size
		if len(text) > Most {
			return note(text[:kept], len(s)-read+more)
		}
		if len(text) <= Most-room {
			kept, read = len(text), at
		}
	}
	if more > 0 {
		return note(text[:kept], len(s)-read+more)
	}
	return string(text)
}

// appendRune appends the printable form of the rune r, encoded as raw.
func appendRune(text []byte, raw string, r rune) []byte {
	if !invalid(r, len(raw)) && strconv.IsPrint(r) {
		return append(text, raw...)
	}
	quoted := strconv.Quote(raw)
	return append(text, quoted[1:len(quoted)-1]...)
}

// invalid reports whether a decoded rune stands for an invalid byte.
func invalid(r rune, size int) bool { return r == utf8.RuneError && size == 1 }

// note appends the number of missing bytes to a text.
func note(text []byte, missing int) string {
	text = append(text, before...)
	text = strconv.AppendInt(text, int64(missing), 10)
	return string(append(text, after...))
}
