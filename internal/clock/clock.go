// Package clock is the ground that the rest stands on: the time of day, and
// waiting. [System] is the real clock, [Fake] one that a test moves by hand.
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
	// AfterFunc calls f after d, never on the goroutine that asked for it;
	// f must not block. The returned function stops it and reports whether it did so before the call.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// System returns the runtime's clock, which inside a testing/synctest bubble
// is the bubble's.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}

// Sleep waits for d on the clock, or until ctx is done, in which case it
// returns the context's error. It returns at once if ctx is already done, and
// otherwise if d is not positive.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	_, err := SleepUnless(ctx, c, d, nil)
	return err
}

// SleepUnless is [Sleep] that also returns when woken closes, and reports whether
// that was the reason. A nil channel never closes.
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
			return false, context.DeadlineExceeded // its own timer is about to say so
		}
		return false, nil
	}
	done := make(chan time.Time)
	stop := c.AfterFunc(d, func() { close(done) })
	defer stop()
	return wait(ctx, done, woken)
}

// wait waits until done or woken delivers or closes, and reports which, or until
// ctx is done. If several have happened, the context's error counts.
func wait(ctx context.Context, done <-chan time.Time, woken <-chan struct{}) (early bool, err error) {
	select {
	case <-done:
	case <-woken:
		early = true
	case <-ctx.Done():
	}
	return early, ctx.Err()
}
