package gate

const (
	// stubborn is the share of refused calls with which it was in vain to close the
	// gate. Judgement: a quota that refills refuses few of the first calls.
	stubborn = 0.15
	// inVain is how often in a row that must have been. Judgement: once may be chance.
	inVain = 2
	// phase is how many calls there must be between two closings to tell.
	phase = 6
	// fading is after how many calls half of them are forgotten.
	fading = 128
)

// vain counts how often it was in vain to close the gate: the same share of the calls
// was refused when it was open again. Then the share does not depend on what the calls
// of this client do.
type vain struct {
	times int   // in a row
	open  tally // since the gate last opened
	all   tally // while it was in vain
}

// tally is how many calls were sent and how many of them were refused.
type tally struct{ calls, refused int }

func (t tally) share() float64 { return float64(max(t.refused, 0)) / float64(max(t.calls, 1)) }

// closed takes that the gate closes again.
func (v *vain) closed() {
	switch {
	case v.open.calls < phase: // too few to tell
		return
	case v.open.share() < stubborn:
		*v = vain{}
		return
	}
	v.times++
	v.all.calls += v.open.calls
	v.all.refused += v.open.refused
	v.open = tally{}
}

// share returns the share of the calls that are refused whatever the client does, but
// for the row that is judged; 0 if there is none.
func (v *vain) share(row int) float64 {
	if v.times < inVain {
		return 0
	}
	for v.all.calls+v.open.calls > fading {
		v.all.calls, v.all.refused = v.all.calls/2, v.all.refused/2
		v.open.calls, v.open.refused = v.open.calls/2, v.open.refused/2
	}
	return tally{v.all.calls + v.open.calls, v.all.refused + v.open.refused - row}.share()
}
