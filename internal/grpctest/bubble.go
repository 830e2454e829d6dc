package grpctest

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Took runs f and returns the elapsed time.
func Took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// Snooze sleeps until d has passed or the context ends.
func Snooze(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Goroutines returns the number of goroutines in the caller's bubble.
func Goroutines(t *testing.T) int {
	t.Helper()
	own := make([]byte, 1<<10)
	first, _, _ := strings.Cut(string(own[:runtime.Stack(own, false)]), "\n")
	_, bubble, ok := strings.Cut(strings.TrimSuffix(first, "]:"), "synctest bubble ")
	if !ok {
		t.Fatalf("not in a bubble: %s", first)
	}
	all := make([]byte, 1<<20)
	return strings.Count(string(all[:runtime.Stack(all, true)]), "synctest bubble "+bubble+"]:\n")
}
