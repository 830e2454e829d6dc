// Package foreign makes texts that others have written fit for a log, the text of an
// error and a terminal. It is a leaf: it imports the standard library alone.
package foreign

import (
	"strconv"
	"unicode/utf8"
)

// Most is the most bytes that [Text] returns. Judgement: the longest messages of
// Google's services that were seen have 400, and several of 512 still fit a line of a
// log.
const Most = 512

// The note at the end of a text that was cut is the number of bytes between these.
const (
	before = "… ("
	after  = " bytes cut)"
)

// room is what the longest note takes.
const room = len(before) + len("9223372036854775807") + len(after)

// Text returns s so that it can be printed: at most [Most] bytes of valid UTF-8, in
// which every rune is printable as strconv.IsPrint has it. Control characters, line
// breaks, invalid UTF-8, marks that change the direction of writing and spaces other
// than the ASCII space are spelled as strconv.Quote spells them: \n, \x1b, \u202e.
//
// Quotes and backslashes stay as they are. The result is for people, and the text
// cannot be recovered from it. Text changes no text that it has returned.
//
// A longer text is cut between two characters. At its end is a note of how many bytes
// of s are missing: "… (4096 bytes cut)".
//
// Text does not allocate if there is nothing to change, and reads no more than the
// first [Most] bytes of s and one rune.
// It removes no secrets: who has to, does so first, because a secret that was cut in
// two looks like none.
func Text(s string) string { return Head(s, 0) }

// Head is [Text] for the beginning of a text, of which more bytes follow: if there are
// any, the note is there and counts them too.
func Head(s string, more int) string {
	if more == 0 && len(s) <= Most && printable(s) {
		return s
	}
	return spell(s, more)
}

// printable reports whether there is nothing to spell in another way.
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

// spell returns the printable spelling of s, cut if it is too long or more follows.
func spell(s string, more int) string {
	text := make([]byte, 0, Most+utf8.UTFMax)
	kept, read := 0, 0 // of text and of s, if there has to be a note
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

// appendRune appends a rune, which is spelled as raw in the text.
func appendRune(text []byte, raw string, r rune) []byte {
	if !invalid(r, len(raw)) && strconv.IsPrint(r) {
		return append(text, raw...)
	}
	quoted := strconv.Quote(raw)
	return append(text, quoted[1:len(quoted)-1]...)
}

// invalid reports whether a decoded rune stands for a byte that is no UTF-8.
func invalid(r rune, size int) bool { return r == utf8.RuneError && size == 1 }

// note appends to a text how many bytes are missing.
func note(text []byte, missing int) string {
	text = append(text, before...)
	text = strconv.AppendInt(text, int64(missing), 10)
	return string(append(text, after...))
}
