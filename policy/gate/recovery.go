package gate

import "time"

// latency is a moving mean of how long calls take.
type latency struct {
	mean  time.Duration
	calls int
}

// note adds the latency of a call.
func (l *latency) note(took time.Duration) {
	l.calls = min(l.calls+1, sample)
	l.mean += (took - l.mean) / time.Duration(l.calls)
}

// The first calls after trouble show the latency of a server with little to do: firstCalls
// at least, and more within firstTime, up to a sample. Judgement: later other clients may
// have come back too.
const (
	firstCalls = 3
	firstTime  = 5 * time.Second
)

// recovery bounds the calls under way after trouble. The usual latency is the latency of
// the first calls, while the server has little to do.
type recovery struct {
	on     bool
	calls  int           // number of first calls
	all    time.Duration // total latency of the first calls
	recent time.Duration // moving mean of the latency
	window int           // successes since the beginning
}

func (r *recovery) begin() { *r = recovery{on: true} }

// success notes the latency of a call; since is the time since the gate opened. success
// returns the recent latency as a multiple of the usual latency; 0 if the server is not
// recovering.
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

// most returns how many calls may be under way at a pace. Every success allows one call
// more, so that the number doubles in the latency of a call, up to the pace times the usual
// latency.
func (r *recovery) most(pace float64) int {
	return max(1, min(int(pace*r.usual().Seconds()+0.5), r.window+1))
}
