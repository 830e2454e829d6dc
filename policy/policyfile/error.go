package policyfile

import (
	"fmt"
	"strings"
)

// Error is one fault of a file.
type Error struct {
	// File is the name of the file; empty where it has none.
	File string
	// Line is where the fault stands, counted from 1; 0 if it is nowhere.
	Line int
	// Field is the path of the field, as "methods[0].table.Server.retries"; empty
	// where the fault is not in one. A name in it that is not printable is quoted, and
	// a long one is cut.
	Field string
	// Problem says what is wrong and what was expected. It quotes no more than the
	// beginning of a long value, and escapes what is not printable.
	Problem string
}

// Error returns all of it in one line, as "policyfile: retries.yaml:12:
// table.Server.retries: -1: want >= 0".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("policyfile: ")
	switch {
	case e.File != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	case e.File != "":
		b.WriteString(e.File + ": ")
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}
