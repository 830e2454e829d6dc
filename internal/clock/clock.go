// Package clock tells the time and waits. [System] is the real clock; [Fake] is a
// clock moved by hand in tests.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and calls back later. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// AfterFunc calls f after d, never on the goroutine that called AfterFunc; f must
	// not block. stop cancels the call of f and reports whether the cancellation came
	// first.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// System returns the clock of the runtime; inside a testing/synctest bubble, the
// clock of the bubble.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}

// Sleep waits for d on the clock. If ctx ends first or has already ended, Sleep
// returns the context's error. If d is not positive, Sleep returns at once.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	_, err := SleepUnless(ctx, c, d, nil)
	return err
}

// SleepUnless is like [Sleep], but also returns when woken closes, with early true. A
// nil channel never closes.
func SleepUnless(ctx context.Context, c Clock, d time.Duration, woken <-chan struct{}) (early bool, err error) {
	if err := ctx.Err(); err != nil || d <= 0 {
		return false, err
	}
	if _, ok := c.(system); ok { // a timer alone costs half as much as AfterFunc with a channel
		timer := time.NewTimer(d)
		defer timer.Stop()
		if early, err = wait(ctx, timer.C, woken); err != nil || early {
			return early, err
		}
		if deadline, ok := ctx.Deadline(); ok && !c.Now().Before(deadline) {
			return false, context.DeadlineExceeded // the context's own timer is about to fire
		}
		return false, nil
	}
	done := make(chan time.Time)
	stop := c.AfterFunc(d, func() { close(done) })
	defer stop()
	return wait(ctx, done, woken)
}

// wait waits for done, for woken (early is true), or for the end of ctx. The error of
// an ended context is returned even if done or woken came too.
func wait(ctx context.Context, done <-chan time.Time, woken <-chan struct{}) (early bool, err error) {
	select {
	case <-done:
	case <-woken:
		early = true
	case <-ctx.Done():
	}
	return early, ctx.Err()
}
