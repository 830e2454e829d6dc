package retrytest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/interceptor"
)

// Lines is a logger keeping the level and the message of each line.
type Lines struct {
	mu  sync.Mutex
	all []string
}

// Option makes a Retrier log to l.
func (l *Lines) Option() interceptor.Option {
	return interceptor.WithLogger(logging.LoggerFunc(func(_ context.Context, level logging.Level, msg string, _ ...any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, fmt.Sprintf("%s %s", slog.Level(level), msg))
	}))
}

// Text returns all lines in one text.
func (l *Lines) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// Journal is a logging.Logger keeping each line as a string.
type Journal struct {
	mu    sync.Mutex
	Lines []string
}

// Log keeps a line: level, message and fields.
func (j *Journal) Log(_ context.Context, level logging.Level, msg string, fields ...any) {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", slog.Level(level), msg)
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, " | %v=%v", fields[i], fields[i+1])
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Lines = append(j.Lines, b.String())
}

// With returns the lines containing a text.
func (j *Journal) With(text string) (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.Lines {
		if strings.Contains(l, text) {
			lines = append(lines, l)
		}
	}
	return lines
}

// Take returns the lines so far, and begins anew.
func (j *Journal) Take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.Lines
	j.Lines = nil
	return lines
}
