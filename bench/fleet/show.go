package main

import (
	"io"
	"time"

	"github.com/reinvoke/reinvoke/internal/progress"
)

// shower starts to show the progress of a part of the work.
type shower func(label string, total int) *progress.Progress

// showerOn shows on w: a bar on a terminal, elsewhere a line every 10 s, which makes
// about 30 in the five minutes of the whole report.
func showerOn(w io.Writer, terminal bool) shower {
	line := progress.NewLine(w)
	return func(label string, total int) *progress.Progress {
		return progress.Start(progress.Config{Label: label, Total: total, Line: line, Bar: terminal, Every: 10 * time.Second})
	}
}
