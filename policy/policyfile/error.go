package policyfile

import (
	"fmt"
	"strings"
)

// Error is one fault of a file.
type Error struct {
	// File is the name of the file; empty for input without a name.
	File string
	// Line is the line of the fault, counted from 1; 0 if the fault has no line.
	Line int
	// Field is the path of the field, as "methods[0].table.Server.retries"; empty if the fault
	// is in no field. An unprintable name is quoted, and a long name is cut.
	Field string
	// Problem says what is wrong and what was expected. Only the beginning of a long value is
	// quoted, and unprintable characters are escaped.
	Problem string
}

// Error returns the fault in one line, as "policyfile: retries.yaml:12: table.Server.retries:
// -1: want >= 0".
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
