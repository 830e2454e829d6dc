// Package exit has the exit statuses of the program.
package exit

// The exit statuses.
const (
	OK          = 0
	Failed      = 1   // a call did not end as it should, a prompt has no answer, or the output could not be written
	Misused     = 2   // the command line, a file or the key is wrong
	Interrupted = 130 // by SIGINT or SIGTERM, with work left: 128 + SIGINT, as in shells
)
