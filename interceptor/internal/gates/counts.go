package gates

import "github.com/reinvoke/reinvoke/policy/gate"

// Counts holds numbers of gates and of calls. interceptor.GateCounts explains the fields.
type Counts struct {
	Closed, Probing, Open int
	Waiting               int
	WouldHold, InVain     int
}

// Counts returns the current counts.
func (g *Gates) Counts() Counts {
	var n Counts
	if !g.There() && !g.Dry {
		return n
	}
	now := g.Clock.Now()
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
