package gate

import "time"

// Where no limit is known, calls of the lowest band leave room for the others: while others come,
// all calls together leave about as fast as the server has accepted calls in the minute before
// the gate last opened. So a batch does not close the gate again and again for the calls that
// someone waits for.

const (
	// yields is the pace at first, as a share of the accepted one. Judgement: what the others
	// take varies by as much.
	yields = 0.97
	// regains is when the pace is the accepted one again if no call is refused. From then on the
	// pace grows faster and faster, as in TCP CUBIC (RFC 9438): 4 times as high after 20 minutes,
	// 90 times after an hour. Judgement: slow near the quota, so that a quota of a minute
	// runs out just before the minute is over, and soon far away from an accepted pace that was
	// the demand alone.
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

// refused notes a refusal: the pace has grown too much.
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
