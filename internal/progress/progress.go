// Package progress shows how far long work has come: on a terminal a bar, redrawn in place,
// elsewhere a line every few seconds.
package progress

import (
	"sync"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
)

// Every is the usual time between two lines.
const Every = 5 * time.Second

// redraw is the time between two drawings of a bar: fast enough to look alive.
const redraw = 200 * time.Millisecond

// Config describes the counted work and the display of progress.
type Config struct {
	Label string // names the work, as "asking"
	Total int    // units of work in all
	Done  int    // units of work finished by earlier runs

	Line  *Line         // where progress is shown
	Bar   bool          // Line is on a terminal: draw a bar instead of lines
	Every time.Duration // between two lines; 0 means the constant [Every]

	Clock clock.Clock        // nil means [clock.System]
	Note  func() string      // more to say beside the count; may be nil
	Text  func(State) string // a line, without the newline; nil means [State.String]
}

// Progress counts work and shows the count until [Progress.Stop]. A Progress is safe for
// concurrent use.
type Progress struct {
	c     Config
	began time.Time

	mu      sync.Mutex
	done    int
	stopped bool
	cancel  func() bool // of the timer
}

// Start begins to count. A bar is drawn at once, the first line comes after c.Every.
func Start(c Config) *Progress {
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.Every <= 0 {
		c.Every = Every
	}
	if c.Text == nil {
		c.Text = State.String
	}
	if c.Bar {
		c.Every = redraw
	}
	p := &Progress{c: c, began: c.Clock.Now(), done: c.Done}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Bar {
		p.show()
	}
	p.cancel = c.Clock.AfterFunc(c.Every, p.tick)
	return p
}

// Add counts n finished units.
func (p *Progress) Add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
}

// Stop removes the bar and shows nothing from then on. A second Stop does nothing.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.stopped = true
	p.cancel()
	if p.c.Bar {
		_ = p.c.Line.Print("") // a lost drawing is no loss
	}
}

// Finish is Stop and a last line with the final count.
func (p *Progress) Finish() {
	p.Stop()
	_ = p.c.Line.Print(p.c.Text(p.State()) + "\n") // a lost line is no loss either
}

// State returns how far the work has come.
func (p *Progress) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state()
}

func (p *Progress) state() State {
	s := State{Label: p.c.Label, Done: p.done, Total: p.c.Total, Elapsed: p.c.Clock.Now().Sub(p.began)}
	s.Left = left(s.Done-p.c.Done, s.Total-s.Done, s.Elapsed)
	if p.c.Note != nil {
		s.Note = p.c.Note()
	}
	return s
}

// tick shows the state and waits for the next tick.
func (p *Progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.show()
	p.cancel = p.c.Clock.AfterFunc(p.c.Every, p.tick)
}

// show shows the state. Nobody is told of a failed write: the work matters more.
func (p *Progress) show() {
	if p.c.Bar {
		_ = p.c.Line.Draw(p.state().bar())
		return
	}
	_ = p.c.Line.Print(p.c.Text(p.state()) + "\n")
}
