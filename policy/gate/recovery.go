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

// The first calls after trouble tell how long calls take when the server has little to
// do: firstCalls at least, and more in the time of firstTime, up to a sample.
// Judgement: later the callers of others may have come back too.
const (
	firstCalls = 3
	firstTime  = 5 * time.Second
)

// recovery bounds what is under way after trouble. Its usual latency is that of
// the first calls, which find the server with little to do.
type recovery struct {
	on     bool
	calls  int           // of the sample
	all    time.Duration // the latency of all of them
	recent time.Duration // the latency of one, of late
	window int           // successes since the beginning
}

func (r *recovery) begin() { *r = recovery{on: true} }

// success notes the latency of a call, so long after the gate opened, and returns how many times as long as usual
// calls take of late; 0 if the server is not recovering.
func (r *recovery) success(since, took time.Duration) (times float64) {
	if !r.on {
		return 0
	}
	r.window++
	if r.calls < firstCalls || (r.calls < sample && since < firstTime) {
		r.calls++
		r.all += took
		if r.calls == 1 {
			r.recent = took
		}
	}
	r.recent += (took - r.recent) / 4
	return float64(r.recent) / max(float64(r.usual()), 1)
}

func (r *recovery) usual() time.Duration { return r.all / time.Duration(max(r.calls, 1)) }

// most returns how many calls may be under way at a pace: one more after every
// success, so that their number doubles in the time that one takes, until it is
// what the pace and the usual latency make.
func (r *recovery) most(pace float64) int {
	return max(1, min(int(pace*r.usual().Seconds()+0.5), r.window+1))
}
