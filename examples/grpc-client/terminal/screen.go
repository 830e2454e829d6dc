// Package terminal is the output of the program: lines, colours, printable text
// without the key.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/reinvoke/reinvoke/internal/progress"
)

// The colours, as parameters of the escape code.
const (
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Bold   = "1"
	Faint  = "2"
)

// Screen shows text: plain lines, or on a terminal coloured lines above one redrawn
// line. A Screen is safe for concurrent use.
type Screen struct {
	Line   *progress.Line
	Live   bool // lines may be redrawn
	colour bool
}

// New returns a screen on w. Colour is for terminals without NO_COLOR
// (https://no-color.org).
func New(w io.Writer, terminal bool, getenv func(string) string) *Screen {
	live := terminal && getenv("TERM") != "dumb"
	return &Screen{Line: progress.NewLine(w), Live: live, colour: live && getenv("NO_COLOR") == ""}
}

// IsTerminal reports whether a file is a terminal.
func IsTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd()))
}

// Paint colours s, or not.
func (s *Screen) Paint(colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Printf writes whole lines above the redrawn line. Nobody is told of a failed write
// here: an [Output] remembers the error.
func (s *Screen) Printf(format string, args ...any) {
	_ = s.Line.Print(fmt.Sprintf(format, args...))
}

// Countdown shows the rest of d until stop. Without a terminal Countdown does
// nothing.
func (s *Screen) Countdown(d time.Duration) (stop func()) {
	if !s.Live {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	until := time.Now().Add(d)
	go func() {
		defer close(gone)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			_ = s.Line.Draw(waiting(time.Until(until), d)) // likewise
			select {
			case <-done:
				s.Printf("")
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}

// waiting is the line of a countdown: how much of d is left, with a bar.
func waiting(left, d time.Duration) string {
	const width = 24
	if left <= 0 {
		return "         next attempt ..."
	}
	full := min(int(width*left/max(d, 1)), width)
	return fmt.Sprintf("         waiting %4.1f s  %s%s", left.Seconds(), strings.Repeat("#", full), strings.Repeat(".", width-full))
}
