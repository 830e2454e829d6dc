package batch

// sink takes results in the order in which they come.
type sink interface {
	put(r Record) error
	// close ends a run, abandon one in which put has failed.
	close() error
	abandon()
	// failed returns how many prompts have failed, in earlier runs too.
	failed() int
	// resumes reports whether a later run can go on from here.
	resumes() bool
}
