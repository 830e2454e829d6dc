// Package exit has the exit statuses of the program.
package exit

// The exit statuses.
const (
	OK          = 0
	Failed      = 1   // a call did not end as it should, or a prompt has no answer
	Misused     = 2   // the command line, a file or the key is wrong
	Interrupted = 130 // by a signal, as shells have it
)
