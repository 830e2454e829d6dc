package gate

const (
	// stubborn is the share of refused calls from which closing the gate was in vain.
	// Judgement: a quota that refills refuses few of the first calls.
	stubborn = 0.15
	// inVain is how many closings in a row must have been in vain. Judgement: one may be
	// chance.
	inVain = 2
	// phase is how many calls between two closings are enough to tell.
	phase = 6
	// fading is the number of calls after which half of the calls are forgotten.
	fading = 128
)

// vain counts the closings in vain: the reopened gate saw the same share of refused calls.
// The share then does not depend on the calls of this client.
type vain struct {
	times int   // in a row
	open  tally // since the gate last opened
	all   tally // over the closings in vain
}

// tally counts sent calls and the refused calls among these.
type tally struct{ calls, refused int }

func (t tally) share() float64 { return float64(max(t.refused, 0)) / float64(max(t.calls, 1)) }

// closed notes that the gate closes again.
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

// share returns the share of calls refused whatever the client does, without the row under
// judgement; 0 if there is no such share.
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
