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

// success notes the latency of a call and reports whether calls have become slow,
// that is, take so many times as long as usual: then the server is as busy as it
// should be.
func (r *recovery) success(took time.Duration, slow float64) bool {
	if !r.on {
		return false
	}
	r.window++
	if r.calls < sample {
		r.calls++
		r.all += took
		if r.calls == 1 {
			r.recent = took
		}
	}
	r.recent += (took - r.recent) / 4
	return float64(r.recent) > slow*float64(r.usual())
}

func (r *recovery) usual() time.Duration { return r.all / time.Duration(max(r.calls, 1)) }

// most returns how many calls may be under way at a pace: one more after every
// success, so that their number doubles in the time that one takes, until it is
// what the pace and the usual latency make.
func (r *recovery) most(pace float64) int {
	return max(1, min(int(pace*r.usual().Seconds()+0.5), r.window+1))
}
