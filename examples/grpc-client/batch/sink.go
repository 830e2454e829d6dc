package batch

// sink takes results in any order.
type sink interface {
	put(r Record) error
	// close ends a run. abandon ends a run after a failed put.
	close() error
	abandon()
	// failed returns how many prompts have failed, in earlier runs too.
	failed() int
	// resumes reports whether a later run can go on from here.
	resumes() bool
}
