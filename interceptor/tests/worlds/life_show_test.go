package worlds_test

import (
	"os"
	"time"

	"golang.org/x/term"

	"github.com/reinvoke/reinvoke/internal/progress"
)

// showLife shows how many of n worlds have been counted, if -world.show is set: by a bar
// on a terminal, elsewhere by a line every 10 s.
func showLife(n int) (count func(worlds int), stop func()) {
	if !*lifeShow {
		return func(int) {}, func() {}
	}
	p := progress.Start(progress.Config{
		Label: "worlds", Total: n, Every: 10 * time.Second,
		Line: progress.NewLine(os.Stderr), Bar: term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb",
	})
	return p.Add, p.Finish
}
