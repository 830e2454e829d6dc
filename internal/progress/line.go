package progress

import (
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// width is the most columns of a drawn line. A terminal would wrap a longer line, and
// a wrapped line cannot be redrawn.
const width = 79

// Line writes whole lines to a writer and, below, a single drawn line. Drawing again
// replaces the drawn line: only terminals can do so. A Line is safe for concurrent use.
type Line struct {
	to    io.Writer
	mu    sync.Mutex
	drawn int // columns of the drawn line
}

// NewLine returns a Line on w.
func NewLine(w io.Writer) *Line { return &Line{to: w} }

// Print removes the drawn line and writes text: whole lines, or nothing.
func (l *Line) Print(text string) error { return l.replace(text, 0) }

// Draw replaces the drawn line by the first 79 characters of text.
func (l *Line) Draw(text string) error {
	columns := utf8.RuneCountInString(text)
	if columns > width {
		text, columns = string([]rune(text)[:width]), width
	}
	return l.replace(text, columns)
}

// replace removes the drawn line by spaces, a means of every terminal.
func (l *Line) replace(text string, columns int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn > 0 {
		text = "\r" + strings.Repeat(" ", l.drawn) + "\r" + text
	}
	l.drawn = columns
	if text == "" {
		return nil
	}
	_, err := io.WriteString(l.to, text)
	return err
}
