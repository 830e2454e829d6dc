package interceptor

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
)

// DefaultLogLimit is the most lines of a level that a Retrier logs in a second.
// Judgement: nobody reads more, and a channel that fails thousands of times a second
// must not fill a disk.
const DefaultLogLimit = 100

// logWindow is how long lines are counted together.
const logWindow = time.Second

// about is what a line is about.
type about uint8

const (
	aboutRetry about = iota
	aboutGivingUp
	aboutRecovery
	aboutFallback
	aboutNothing // a failure that is not retried
	aboutGate
	subjects
)

// limiter lets so many lines of a level through in a second. At its end one line tells
// of those that were left out.
type limiter struct {
	most int // 0 for no limit

	mu    sync.Mutex
	until time.Time // of the window
	lines map[logging.Level]int
	left  leftOut
}

// leftOut counts the lines of a window that were not logged.
type leftOut struct {
	all      int
	level    logging.Level // the highest
	subjects [subjects]int
	classes  [codes.NumClasses]int
}

// allow reports whether a line may be logged. The first one that may not has the
// others counted, and told by tell at the end of the window.
func (l *limiter) allow(clock Clock, level logging.Level, a about, class codes.Class, tell func(leftOut)) bool {
	if l.most == 0 {
		return true
	}
	now := clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !now.Before(l.until) {
		l.until, l.lines = now.Add(logWindow), map[logging.Level]int{}
	}
	if l.lines[level]++; l.lines[level] <= l.most {
		return true
	}
	if l.left.all++; l.left.all == 1 {
		l.left.level = level
		clock.AfterFunc(max(l.until.Sub(now), 0), func() { l.end(tell) })
	}
	l.left.level = max(l.left.level, level)
	l.left.subjects[a]++
	if class < codes.NumClasses {
		l.left.classes[class]++
	}
	return false
}

// end ends the window.
func (l *limiter) end(tell func(leftOut)) {
	l.mu.Lock()
	left := l.left
	l.left = leftOut{}
	l.mu.Unlock()
	tell(left)
}

// mayLog reports whether a line of the call may be logged.
func (c *call) mayLog(level logging.Level, a about) bool {
	logs := &c.r.logs
	return len(logs.to) > 0 && logs.limit.allow(c.r.clock, level, a, c.failure.Class, logs.summarize)
}

// summarize logs what was left out.
func (l *logs) summarize(left leftOut) {
	var classes []string
	for class, n := range left.classes {
		if n > 0 {
			classes = append(classes, fmt.Sprintf("%v %d", codes.Class(class), n))
		}
	}
	msg := fmt.Sprintf("[RETRY] %d lines left out within %v: %d retries, %d given up, %d recovered, %d fallbacks, %d not retried, %d of gates (%s)", left.all, logWindow,
		left.subjects[aboutRetry], left.subjects[aboutGivingUp], left.subjects[aboutRecovery], left.subjects[aboutFallback],
		left.subjects[aboutNothing], left.subjects[aboutGate], strings.Join(classes, ", "))
	l.logOfNone(left.level, msg, logging.SystemTag[0], logging.SystemTag[1],
		logging.ComponentFieldKey, logging.KindClientFieldValue,
		"retry.left_out", left.all, "retry.left_out.retries", left.subjects[aboutRetry], "retry.left_out.given_up", left.subjects[aboutGivingUp])
}
