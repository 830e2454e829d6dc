package progress

import (
	"fmt"
	"strings"
	"time"
)

// State is how far the work has come.
type State struct {
	Label   string // names the work, as "asking"
	Done    int    // finished units of work, with those of earlier runs
	Total   int    // units of work in all
	Elapsed time.Duration
	Left    time.Duration // estimated from the pace so far; 0 if nothing is known
	Note    string        // more to say; may be empty
}

// left estimates the time for the rest of the work, at the pace of the finished part.
func left(finished, rest int, elapsed time.Duration) time.Duration {
	if finished <= 0 || rest <= 0 {
		return 0
	}
	return time.Duration(float64(elapsed) / float64(finished) * float64(rest))
}

// String returns the state in words, as "asking: 12 of 30 (40 %), 5s, 8s left; 1 failed".
func (s State) String() string {
	return fmt.Sprintf("%s: %d of %d (%d %%), %s", s.Label, s.Done, s.Total, percent(s.Done, s.Total), s.rest())
}

// bar returns the state with a bar instead of the percentage.
func (s State) bar() string {
	const cells = 24
	full := percent(s.Done, s.Total) * cells / 100
	return fmt.Sprintf("%s [%s%s] %d of %d, %s", s.Label, strings.Repeat("#", full), strings.Repeat(".", cells-full), s.Done, s.Total, s.rest())
}

// rest returns times and note.
func (s State) rest() string {
	text := s.Elapsed.Round(time.Second).String()
	if s.Left > 0 {
		text += ", " + s.Left.Round(time.Second).String() + " left"
	}
	if s.Note != "" {
		text += "; " + s.Note
	}
	return text
}

// percent returns a share in whole percents, 0 to 100, rounded down: 100 means all.
func percent(done, total int) int {
	if total <= 0 {
		return 0
	}
	return min(max(done, 0)*100/total, 100)
}
