package gate

import "time"

// Without a known limit, calls of the lowest band leave room for the others: while others come,
// all calls together leave about as fast as the server accepted calls in the minute before the
// gate last opened. Otherwise a batch would close the gate again and again for urgent calls.

const (
	// yields is the pace at first, as a share of the accepted pace. Judgement: the demand of
	// the others varies by as much.
	yields = 0.97
	// regains is the time without a refusal until the accepted pace is regained. From then on
	// the pace grows faster and faster, as in TCP CUBIC (RFC 9438). Judgement: near the quota
	// the growth is slow, so that a quota of a minute runs out just before the end of the minute;
	// an accepted pace limited by the demand alone is soon left behind.
	regains = 5 * minute
)

// yield spaces the calls of the lowest band. The zero value does not.
type yield struct {
	others time.Time // when a call of another band last came
	pace   float64   // calls per second, before growth; 0 for none
	since  time.Time
	next   time.Time // when the next call of the lowest band may leave
}

// begin keeps a pace from now on, after the server has accepted so many calls per second.
func (y *yield) begin(now time.Time, accepted float64) {
	y.pace, y.since, y.next = yields*accepted, now, now
	if accepted < busy { // too few to tell the server's capacity from the demand
		y.pace = 0
	}
}

// refused takes back most of the growth.
func (y *yield) refused(now time.Time) {
	y.pace, y.since = max(y.pace, yields*y.grown(now)), now
}

// grown returns the pace at now.
func (y *yield) grown(now time.Time) float64 {
	t := now.Sub(y.since).Seconds() / regains.Seconds()
	return y.pace * (1 + t*t*t*(1/yields-1))
}

// gap returns the time between two calls of any band.
func (y *yield) gap(now time.Time) time.Duration {
	return time.Duration(float64(time.Second) / max(y.grown(now), slowest))
}

// holds reports whether the lowest band has to leave room.
func (y *yield) holds(now time.Time) bool { return y.pace > 0 && now.Sub(y.others) <= minute }

// pass notes that a call leaves.
func (y *yield) pass(now time.Time) {
	if y.pace > 0 {
		y.next = sooner(later(now, y.next).Add(y.gap(now)), now.Add(minute))
	}
}

// at returns when a call of the lowest band may leave, with so many calls of the band ahead.
func (y *yield) at(now time.Time, ahead int) time.Time {
	if !y.holds(now) {
		return now
	}
	return later(now, y.next).Add(time.Duration(ahead) * y.gap(now))
}
