package worlds_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/stats"
)

// lifeClock counts the timers that run.
type lifeClock struct {
	mu      sync.Mutex
	running int
}

func (c *lifeClock) Now() time.Time { return time.Now() }

func (c *lifeClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.count(1)
	t := time.AfterFunc(d, func() {
		c.count(-1)
		f()
	})
	return func() bool {
		stopped := t.Stop()
		if stopped {
			c.count(-1)
		}
		return stopped
	}
}

func (c *lifeClock) count(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running += n
	return c.running
}

// lifeLedger counts the attempts that have begun and ended below the interceptors.
type lifeLedger struct {
	mu          sync.Mutex
	begun       int
	ended       int
	transparent int // of those begun: retries of grpc's own, which tells no end of one without a connection
}

func (l *lifeLedger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (l *lifeLedger) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (l *lifeLedger) HandleConn(context.Context, stats.ConnStats)                       {}

func (l *lifeLedger) HandleRPC(_ context.Context, s stats.RPCStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s := s.(type) {
	case *stats.Begin:
		l.begun++
		if s.IsTransparentRetryAttempt {
			l.transparent++
		}
	case *stats.End:
		l.ended++
	}
}

// left returns how many attempts have not ended.
func (l *lifeLedger) left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.begun-l.ended-l.transparent, 0)
}

// lifeBreaker counts what it is asked and told.
type lifeBreaker struct {
	refuses []int

	mu      sync.Mutex
	asked   int
	told    []int          // how often each permission was given back
	owners  []*lifeRecord  // of the permissions, as far as known
	last    map[string]int // permission of each goroutine, which its next attempt uses
	healthy bool           // it refuses nothing more
}

// errLifeBreaker is the breaker's refusal.
var errLifeBreaker = errors.New("the breaker is open")

// Allow implements interceptor.Breaker.
func (b *lifeBreaker) Allow() (func(error), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if !b.healthy && slices.Contains(b.refuses, b.asked-1) {
		return nil, errLifeBreaker
	}
	n := len(b.told)
	b.told, b.owners = append(b.told, 0), append(b.owners, nil)
	if b.last == nil {
		b.last = map[string]int{}
	}
	b.last[goroutine()] = n
	return func(error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told[n]++
	}, nil
}

// kept returns how many permissions were not given back.
func (b *lifeBreaker) kept() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, told := range b.told {
		if told == 0 {
			n++
		}
	}
	return n
}

// begun notes that an attempt of a call has begun on this goroutine.
func (b *lifeBreaker) begun(rec *lifeRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n, ok := b.last[goroutine()]; ok && len(b.last) > 0 {
		b.owners[n] = rec
		delete(b.last, goroutine())
	}
}

// goroutine returns the name of this goroutine.
func goroutine() string {
	buf := make([]byte, 32)
	name, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), " [")
	return name
}
