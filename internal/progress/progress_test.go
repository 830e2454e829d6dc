package progress_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/internal/progress"
)

// TestProgress_lines: however often work is counted, a line comes every few seconds, and
// also while nothing is finished.
func TestProgress_lines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		notes := 0
		p := progress.Start(progress.Config{
			Label: "asking", Total: 1000, Done: 100, Line: progress.NewLine(&out),
			Note: func() string { notes++; return strconv.Itoa(notes) + " notes" },
		})
		time.Sleep(50 * time.Millisecond) // no count falls on a tick
		for range 120 {                   // in 12 s
			time.Sleep(100 * time.Millisecond)
			p.Add(1)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		p.Stop()
		time.Sleep(time.Minute)
		want := "asking: 149 of 1000 (14 %), 5s, 1m27s left; 1 notes\n" +
			"asking: 199 of 1000 (19 %), 10s, 1m21s left; 2 notes\n" +
			"asking: 220 of 1000 (22 %), 15s, 1m38s left; 3 notes\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

// TestProgress_clock: the clock decides when a line is due, and Text how the line reads.
func TestProgress_clock(t *testing.T) {
	fake := clock.NewFake(time.Unix(0, 0))
	var out bytes.Buffer
	p := progress.Start(progress.Config{
		Total: 10, Line: progress.NewLine(&out), Every: time.Minute, Clock: fake,
		Text: func(s progress.State) string { return strconv.Itoa(s.Done) },
	})
	p.Add(3)
	fake.Advance(59 * time.Second)
	if out.Len() > 0 {
		t.Errorf("got %q before a line was due", out.String())
	}
	fake.Advance(time.Second)
	p.Add(7)
	p.Finish()
	if got := out.String(); got != "3\n10\n" {
		t.Errorf("got %q, want a line after a minute, and the last one", got)
	}
}

// TestProgress_bar: one line that is redrawn, below the lines of others, and gone at the
// end.
func TestProgress_bar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		line := progress.NewLine(&out)
		p := progress.Start(progress.Config{Label: "asking", Total: 4, Line: line, Bar: true, Note: func() string { return strings.Repeat("long ", 20) }})
		p.Add(2)
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		if err := line.Print("a message\n"); err != nil {
			t.Error(err)
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		p.Stop()
		p.Stop()
		if got := out.String(); strings.Count(got, "\n") != 1 || strings.Count(got, "[") != 3 {
			t.Errorf("got %q, want three drawings around one line", got)
		}
		if got := terminalOf(out.String()); got != "a message\n" {
			t.Errorf("a terminal shows %q, want the message alone", got)
		}
		if !strings.Contains(out.String(), "asking [############............] 2 of 4, 0s, 0s left; long long") {
			t.Errorf("got %q, want a bar that is half full", out.String())
		}
	})
}

// terminalOf returns what a terminal of 80 columns shows in the end, line by line and
// without the spaces at their ends.
func terminalOf(written string) string {
	var all []string
	row, column := []rune{}, 0
	for _, r := range written {
		switch r {
		case '\n':
			all = append(all, strings.TrimRight(string(row), " "))
			row, column = nil, 0
		case '\r':
			column = 0
		default:
			if column >= 80 {
				return "a line that is wrapped"
			}
			if column == len(row) {
				row = append(row, ' ')
			}
			row[column] = r
			column++
		}
	}
	return strings.Join(append(all, strings.TrimRight(string(row), " ")), "\n")
}
