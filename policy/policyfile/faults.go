package policyfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// mostFaults is the most faults listed in an error. Judgement: more than a screen of faults is
// seldom read, and a file of MaxSize could give an error larger than the file.
const mostFaults = 20

// faults collects the faults of a file, keeping the first mostFaults.
type faults struct {
	file  string
	kept  []*Error // candidates for the first faults, not sorted by line
	found int
}

// fault records a fault.
func (f *faults) fault(line int, path, format string, args ...any) {
	f.note(&Error{File: f.file, Line: line, Field: path, Problem: fmt.Sprintf(format, args...)})
}

// add records an error of the parser.
func (f *faults) add(err error) {
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = f.file
		f.note(e)
	}
}

func (f *faults) note(e *Error) {
	f.found++
	f.kept = append(f.kept, e)
	if len(f.kept) == 2*mostFaults { // sorting after every fault would cost more
		f.cut()
	}
}

// cut keeps the first mostFaults, sorted by line.
func (f *faults) cut() {
	slices.SortStableFunc(f.kept, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	f.kept = f.kept[:min(len(f.kept), mostFaults)]
}

// list returns the first faults, sorted by line, and a last entry with the number of the
// others.
func (f *faults) list() []*Error {
	f.cut()
	if more := f.found - len(f.kept); more > 0 {
		return append(f.kept, &Error{File: f.file, Problem: fmt.Sprintf("... and %d more", more)})
	}
	return f.kept
}

// err returns the first faults, sorted by line, and the number of the others.
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
