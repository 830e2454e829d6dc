package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/internal/progress"
)

// quiet is progress that nobody sees.
func quiet() *progress.Progress { return showerOn(io.Discard, false)("runs", 1) }

// TestShower_log: five minutes of work, in four parts, are a few dozen lines of a log.
func TestShower_log(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		show := showerOn(&log, false)
		for _, part := range []string{"one", "two", "three", "four"} {
			p := show(part, 235)
			for range 235 {
				time.Sleep(75 * time.Second / 235)
				p.Add(1)
			}
			p.Finish()
		}
		if lines := strings.Count(log.String(), "\n"); lines < 28 || lines > 36 || strings.Contains(log.String(), "\r") {
			t.Errorf("got %d lines, want about 30 whole ones:\n%s", lines, log.String())
		}
		if !strings.HasSuffix(log.String(), "four: 235 of 235 (100 %), 1m15s\n") {
			t.Errorf("got %q, want the final count at the end", log.String())
		}
	})
}
