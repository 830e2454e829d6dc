package gate

import "math"

const (
	// unlikely is the chance at which a row of failures is taken for no chance.
	// Judgement: a false alarm costs a fraction of a second, and a real alarm is to
	// be raised within seconds.
	unlikely = 1e-3
	// unlikelyAtPace is the same where calls already leave at a pace that was measured:
	// there a quota was seen to be out, and may be again.
	unlikelyAtPace = 2e-2
	// heldInVain bounds the same where a false alarm holds many calls: their number, times
	// the chance. Measured (bench/fleet, A3 with 10 clients and D4 with 1 and 10): 0.1 costs
	// A3 2 % more requests, 0.4 costs D4 calls.
	heldInVain = 0.2
	// seldom is how often calls fail at least where none was seen to. Judgement:
	// with fewer than a hundred calls no one can tell.
	seldom = 0.01
)

// chance reports whether it may be chance that at least so many of n calls have
// failed, where each fails with probability q. By Chernoff's bound the share x or
// more of n calls fails with probability exp(-n*D) at most, where
// D = x ln(x/q) + (1-x) ln((1-x)/(1-q)).
func chance(failed, n int, q, unlikely float64) bool {
	x := float64(failed) / float64(n)
	if x <= q {
		return true
	}
	d := x * math.Log(x/q)
	if x < 1 {
		d += (1 - x) * math.Log((1-x)/(1-q))
	}
	return float64(n)*d < -math.Log(unlikely)
}
