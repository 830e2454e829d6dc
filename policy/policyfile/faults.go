package policyfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// mostFaults is how many faults an error lists. Judgement: more
// than a screen of them is seldom read, and the error of a file of MaxSize would be
// larger than the file.
const mostFaults = 20

// faults gathers what is wrong with a file, of which it keeps the first mostFaults.
type faults struct {
	file  string
	kept  []*Error // those that may be among the first, in any order of the lines
	found int
}

// fault notes a fault.
func (f *faults) fault(line int, path, format string, args ...any) {
	f.note(&Error{File: f.file, Line: line, Field: path, Problem: fmt.Sprintf(format, args...)})
}

// add notes an error of the parser.
func (f *faults) add(err error) {
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = f.file
		f.note(e)
	}
}

func (f *faults) note(e *Error) {
	f.found++
	f.kept = append(f.kept, e)
	if len(f.kept) == 2*mostFaults { // to sort at each would cost more
		f.cut()
	}
}

// cut leaves the first mostFaults, in the order of the lines.
func (f *faults) cut() {
	slices.SortStableFunc(f.kept, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	f.kept = f.kept[:min(len(f.kept), mostFaults)]
}

// list returns the first faults, in the order of the lines, and one that says how many
// more there are.
func (f *faults) list() []*Error {
	f.cut()
	if more := f.found - len(f.kept); more > 0 {
		return append(f.kept, &Error{File: f.file, Problem: fmt.Sprintf("... and %d more", more)})
	}
	return f.kept
}

// err returns the first faults, in the order of the lines, and says how many more
// there are.
func (f *faults) err() error {
	f.cut()
	var errs []error
	for _, e := range f.kept {
		errs = append(errs, e)
	}
	switch more := f.found - len(f.kept); more {
	case 0:
	case 1:
		errs = append(errs, errors.New("policyfile: ... and 1 more fault"))
	default:
		errs = append(errs, fmt.Errorf("policyfile: ... and %d more faults", more))
	}
	return errors.Join(errs...)
}
