package interceptor

import "github.com/reinvoke/reinvoke/policy/gate"

// GateCounts says how many gates a [Retrier] has, by what they do. A quota that no
// call was refused by has none.
type GateCounts struct {
	// Closed gates let no call through, Probing ones one at a time, and Open ones
	// as many as the server was seen to accept.
	Closed, Probing, Open int
	// Waiting is how many calls wait at all of them together.
	Waiting int
	// WouldHold is how many attempts would have been held for a second or more, or
	// turned away, since a dry run began (see [WithGateDryRun]); InVain is how many of
	// them succeeded without. Both are 0 without a dry run.
	WouldHold, InVain int
}

// Gates returns the gates that there are now.
func (r *Retrier) Gates() GateCounts {
	var n GateCounts
	g := &r.gates
	if !g.there() && !g.dry {
		return n
	}
	now := r.clock.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	n.WouldHold, n.InVain = g.wouldHold, g.inVain
	for k := range g.keys.gated() {
		n.Waiting += k.Waiting()
		switch k.State(now) {
		case gate.Closed:
			n.Closed++
		case gate.Probing:
			n.Probing++
		case gate.Open:
			n.Open++
		}
	}
	return n
}
