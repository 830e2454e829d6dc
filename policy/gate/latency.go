package gate

import "time"

// latency is how long accepted calls take, of late.
type latency struct {
	mean  time.Duration
	calls int
}

// note takes the latency of a call.
func (l *latency) note(took time.Duration) {
	l.calls = min(l.calls+1, sample)
	l.mean += (took - l.mean) / time.Duration(l.calls)
}
