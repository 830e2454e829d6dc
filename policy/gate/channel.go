package gate

import "time"

const (
	// scoutsAtOnce and scoutEvery bound the scouts of all gates of a channel together:
	// so many at once, and then one in so much time. Judgement: a program with
	// thousands of quotas, all of which are out, sends some requests a second more.
	scoutsAtOnce = 10
	scoutEvery   = 100 * time.Millisecond
)

// Channel is what the gates of a channel have in common. The zero value is that of a
// new channel. It is not safe for concurrent use.
type Channel struct {
	Pulse

	full time.Time // when the bucket of scouts is full again
}

// nextScout returns when a gate may send a scout.
func (c *Channel) nextScout() time.Time {
	if c.full.IsZero() {
		return c.full
	}
	return c.full.Add(-(scoutsAtOnce - 1) * scoutEvery)
}

// scout takes a scout from the bucket.
func (c *Channel) scout(now time.Time) { c.full = later(now, c.full).Add(scoutEvery) }
