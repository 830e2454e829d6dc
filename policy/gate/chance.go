package gate

import "math"

const (
	// unlikely is the probability below which a row of failures is not taken for chance.
	// Judgement: a false alarm costs a fraction of a second, and a real alarm must come
	// within seconds.
	unlikely = 1e-3
	// unlikelyAtPace replaces unlikely while calls leave at a measured pace: the quota ran
	// out before, and may run out again.
	unlikelyAtPace = 2e-2
	// heldInVain replaces unlikely where a false alarm holds many calls: it bounds the
	// number of held calls times the probability. Measured (bench/fleet, A3 with 10 clients
	// and D4 with 1 and 10): 0.1 costs A3 2 % more requests, 0.4 costs D4 calls.
	heldInVain = 0.2
	// seldom is the least failure rate to assume. Judgement: fewer than a hundred calls
	// cannot show a lower rate.
	seldom = 0.01
)

// chance reports whether chance may explain so many failures or more among n calls, if each
// call fails with probability q. By Chernoff's bound a share of x or more of n calls fails
// with probability exp(-n*D) at most, where D = x ln(x/q) + (1-x) ln((1-x)/(1-q)).
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
