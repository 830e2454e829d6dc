// Package loglimit limits the log lines per second and counts the lines left out. The
// package logs nothing itself.
package loglimit

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/internal/clock"
)

// window is the period for counting lines.
const window = time.Second

// Subject is the topic of a line.
type Subject uint8

// The subjects.
const (
	Retry Subject = iota
	GivingUp
	Recovery
	Fallback
	Nothing // a failure without a retry
	Gate
	subjects
)

// Limit lets Most lines of each level through per second. If lines were left out,
// Tell is called at the end of the second. Do not change the exported fields after
// first use; then a Limit is safe for concurrent use.
type Limit struct {
	Most  int // lines of each level per second; 0 for no limit
	Clock clock.Clock
	Tell  func(LeftOut)

	mu    sync.Mutex
	until time.Time // end of the window
	lines map[logging.Level]int
	left  LeftOut
}

// LeftOut counts the lines left out in a second.
type LeftOut struct {
	All      int
	Level    logging.Level // the highest level left out
	subjects [subjects]int
	classes  [codes.NumClasses]int
}

// Allow reports whether a line about a failure of this class may be logged.
func (l *Limit) Allow(level logging.Level, about Subject, class codes.Class) bool {
	if l.Most == 0 {
		return true
	}
	now := l.Clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !now.Before(l.until) {
		l.until, l.lines = now.Add(window), map[logging.Level]int{}
	}
	if l.lines[level]++; l.lines[level] <= l.Most {
		return true
	}
	if l.left.All++; l.left.All == 1 {
		l.left.Level = level
		l.Clock.AfterFunc(max(l.until.Sub(now), 0), l.end)
	}
	l.left.Level = max(l.left.Level, level)
	l.left.subjects[about]++
	if class < codes.NumClasses {
		l.left.classes[class]++
	}
	return false
}

// end ends the window.
func (l *Limit) end() {
	l.mu.Lock()
	left := l.left
	l.left = LeftOut{}
	l.mu.Unlock()
	l.Tell(left)
}

// Of returns the number of lines about this subject.
func (l *LeftOut) Of(about Subject) int { return l.subjects[about] }

// String returns the sentence for the log.
func (l *LeftOut) String() string {
	var classes []string
	for class, n := range l.classes {
		if n > 0 {
			classes = append(classes, fmt.Sprintf("%v %d", codes.Class(class), n))
		}
	}
	return fmt.Sprintf("%d lines left out within %v: %d retries, %d given up, %d recovered, %d fallbacks, %d not retried, %d of gates (%s)", l.All, window,
		l.Of(Retry), l.Of(GivingUp), l.Of(Recovery), l.Of(Fallback), l.Of(Nothing), l.Of(Gate), strings.Join(classes, ", "))
}
