package interceptor

// phase is what may still become of the attempt of a stream.
//
//	                    a message or header               WithResume
//	uncommitted ─────────────────────────────▶ showing ─────────────▶ continuing
//	  │  ▲   │                                                            │
//	  │  │   └──▶ blind                                                   │
//	  ▼  │                                                                │
//	replacing      ◀──────────── another attempt, uncommitted ────────────┘
//
// A stream that has ended has no further phase. The phase is guarded by pending.mu, and
// only the methods in this file change it.
type phase uint8

const (
	// uncommitted: nothing of the attempt was shown, and it may be replaced.
	uncommitted phase = iota
	// replacing: the attempt has failed, and one goroutine makes another; the others
	// wait for it.
	replacing
	// blind: nothing of the attempt was shown, but what was sent is not kept.
	blind
	// showing: something of the attempt was shown. It is the last one, unless the stream
	// is resumed.
	showing
	// continuing is replacing for an attempt of which something was shown.
	continuing
)

// busy reports whether the attempt is being replaced.
func (f phase) busy() bool { return f == replacing || f == continuing }

// committed reports whether the attempt is not replaced unless the stream is resumed.
func (f phase) committed() bool { return f == blind || f == showing || f == continuing }

// hasShown reports whether something of the attempt was shown.
func (f phase) hasShown() bool { return f == showing || f == continuing }

// commitTo commits the stream: to showing from then on, or to blind.
func (p *pending) commitTo(f phase) {
	if !p.phase.busy() {
		p.phase = f
	}
}

// replace makes the stream that of the goroutine which has found that the attempt has
// failed. It reports false where the attempt is the last one.
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

// replaced ends that: with another attempt, or as it was before.
func (p *pending) replaced(another bool) {
	if p.phase == continuing && !another {
		p.phase = showing
	} else {
		p.phase = uncommitted
	}
}
