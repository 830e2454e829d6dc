package gate

import "time"

const (
	// scoutsAtOnce and scoutEvery bound the scouts of all gates of a channel together: so
	// many at once, then one per interval. Judgement: a program with thousands of exhausted
	// quotas sends some more requests per second.
	scoutsAtOnce = 10
	scoutEvery   = 100 * time.Millisecond
)

// Channel is the state shared by the gates of a channel. The zero value is for a new
// channel. A Channel is not safe for concurrent use.
type Channel struct {
	Pulse

	full time.Time // when the token bucket of scouts is full again
}

// nextScout returns when the token bucket allows a scout.
func (c *Channel) nextScout() time.Time {
	if c.full.IsZero() {
		return c.full
	}
	return c.full.Add(-(scoutsAtOnce - 1) * scoutEvery)
}

// scout takes a scout from the token bucket.
func (c *Channel) scout(now time.Time) { c.full = later(now, c.full).Add(scoutEvery) }
