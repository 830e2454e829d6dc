package app

// The exit statuses.
const (
	succeeded   = 0
	failed      = 1   // a call did not end as it should, or a prompt has no answer
	misused     = 2   // the command line, a file or the key is wrong
	interrupted = 130 // by a signal, as shells have it
)
