package interceptor

// phase says whether the attempt of a stream may still be replaced.
//
//	                    a message or header               WithResume
//	uncommitted ─────────────────────────────▶ showing ─────────────▶ continuing
//	  │  ▲   │                                                            │
//	  │  │   └──▶ blind                                                   │
//	  ▼  │                                                                │
//	replacing      ◀──────────── another attempt, uncommitted ────────────┘
//
// The end of a stream is not a phase (see clientStream.over). pending.mu guards the
// phase, and only the methods in this file change it.
type phase uint8

const (
	// uncommitted: nothing was shown, and the attempt may be replaced.
	uncommitted phase = iota
	// replacing: the attempt has failed. One goroutine makes another attempt, and the
	// other goroutines wait.
	replacing
	// blind: nothing was shown, but the attempt is the last (see pending.forgo).
	blind
	// showing: something was shown. The attempt is the last, unless the stream is resumed.
	showing
	// continuing: like replacing, but something was shown.
	continuing
)

// busy reports whether a goroutine is replacing the attempt.
func (f phase) busy() bool { return f == replacing || f == continuing }

// committed reports whether only WithResume can bring another attempt.
func (f phase) committed() bool { return f == blind || f == showing || f == continuing }

// hasShown reports whether the caller was shown something of the attempt.
func (f phase) hasShown() bool { return f == showing || f == continuing }

// commitTo sets the phase to showing or blind, unless the attempt is being replaced.
func (p *pending) commitTo(f phase) {
	if !p.phase.busy() {
		p.phase = f
	}
}

// replace reserves the stream for the goroutine that has seen the attempt fail. It
// reports false if the attempt is the last.
func (p *pending) replace() bool {
	switch p.phase {
	case uncommitted:
		p.phase = replacing
	case showing:
		if p.resume == nil {
			return false
		}
		p.phase = continuing
	case blind, replacing, continuing:
		return false
	}
	return true
}

// replaced ends what replace began: another attempt starts uncommitted; without one,
// the previous phase returns.
func (p *pending) replaced(another bool) {
	if p.phase == continuing && !another {
		p.phase = showing
	} else {
		p.phase = uncommitted
	}
}
