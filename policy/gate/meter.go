package gate

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// The units of a limit, as indices of an amount.
const (
	requests = iota
	tokens
	items
	units
)

// amount is a number of each unit.
type amount [units]int64

func (a amount) plus(b amount) amount {
	for u := range a {
		a[u] += b[u]
	}
	return a
}

func (a amount) minus(b amount) amount {
	for u := range a {
		a[u] -= b[u]
	}
	return a
}

// mostOfUnit is more than a call takes, and the sum over all waiting calls still fits.
const mostOfUnit = 1 << 40

// amountOf returns what a call with this cost takes.
func amountOf(c policy.Cost) amount {
	return amount{1, min(max(c.Tokens, 0), mostOfUnit), min(max(c.Items, 0), mostOfUnit)}
}

// limitsOf returns the limits of a quota; 0 for none.
func limitsOf(q policy.Quota) amount { return amount{q.Requests, q.Tokens, q.Items} }

// meter counts what calls take of the limits known for a key. The zero value has no limits.
type meter struct{ spans []span }

// set puts the configured limits in force. Limits named by refusals go where a limit is
// configured, unless they are lower.
func (m *meter) set(quotas []policy.Quota) {
	for i := range m.spans {
		s := &m.spans[i]
		if s.quota == (policy.Quota{}) {
			continue
		}
		s.quota = policy.Quota{}
		s.most, s.spaced = amount{}, [units]time.Time{}
	}
	for _, q := range quotas {
		s := m.span(q.Window)
		s.quota = q
		for u, most := range limitsOf(q) {
			if most > 0 {
				s.most[u], s.taught[u] = most, false
			}
		}
	}
	m.drop()
}

// span returns the span of a window.
func (m *meter) span(window time.Duration) *span {
	for i := range m.spans {
		if m.spans[i].window == window {
			return &m.spans[i]
		}
	}
	m.spans = append(m.spans, span{window: window})
	return &m.spans[len(m.spans)-1]
}

// drop drops the spans without a limit.
func (m *meter) drop() {
	kept := m.spans[:0]
	for _, s := range m.spans {
		if s.most != (amount{}) {
			kept = append(kept, s)
		}
	}
	clear(m.spans[len(kept):])
	m.spans = kept
}

// take counts a call that leaves now.
func (m *meter) take(now time.Time, a amount) {
	for i := range m.spans {
		m.spans[i].take(now, a)
	}
}

// correct adds more to a call that left at sent, less than nothing to give back.
func (m *meter) correct(sent time.Time, more amount) {
	for i := range m.spans {
		m.spans[i].correct(sent, more)
	}
}

// configured returns when the configured limits have room for an amount, and named when the
// limits named by refusals have. Room at now or before is for now.
func (m *meter) configured(now time.Time, a amount) time.Time { return m.when(now, a, false) }

func (m *meter) named(now time.Time, a amount) time.Time { return m.when(now, a, true) }

func (m *meter) when(now time.Time, a amount, taught bool) time.Time {
	at := now
	for i := range m.spans {
		s := &m.spans[i]
		s.expire(now)
		for u := range a {
			if s.most[u] > 0 && s.taught[u] == taught {
				at = later(at, s.when(now, u, a[u]))
			}
		}
	}
	return at
}

// spaced returns when a call of the lowest band may go, with these calls of the band ahead. The
// calls of all bands together then leave evenly over the windows: whatever calls of the other
// bands take is left to them.
func (m *meter) spaced(now time.Time, before, a amount) time.Time {
	at := now
	for i := range m.spans {
		s := &m.spans[i]
		for u := range a {
			if a[u] > 0 && s.most[u] > 0 && !s.taught[u] {
				at = later(at, later(now, s.spaced[u]).Add(s.share(u, before[u])))
			}
		}
	}
	return at
}

// space notes that a call goes.
func (m *meter) space(now time.Time, a amount) {
	for i := range m.spans {
		s := &m.spans[i]
		for u := range a {
			if a[u] > 0 && s.most[u] > 0 && !s.taught[u] {
				s.spaced[u] = sooner(later(now, s.spaced[u]).Add(s.share(u, a[u])), now.Add(s.lasts()))
			}
		}
	}
}

// over reports whether more is taken than a configured limit allows, of a unit with more than
// nothing.
func (m *meter) over(more amount) bool {
	for i := range m.spans {
		s := &m.spans[i]
		for u := range more {
			if more[u] > 0 && s.most[u] > 0 && !s.taught[u] && s.used[u] > s.most[u] {
				return true
			}
		}
	}
	return false
}

// short returns the configured limit that has room for an amount last.
func (m *meter) short(now time.Time, a amount) (q policy.Quota) {
	last := now
	for i := range m.spans {
		s := &m.spans[i]
		for u := range a {
			if s.most[u] == 0 || s.taught[u] {
				continue
			}
			if at := s.when(now, u, a[u]); at.After(last) {
				last, q = at, s.limit(u)
			}
		}
	}
	return q
}

// fits returns a, at most what the limits allow at all: a larger call goes alone.
func (m *meter) fits(a amount) amount {
	for i := range m.spans {
		for u, most := range m.spans[i].most {
			if most > 0 {
				a[u] = min(a[u], most)
			}
		}
	}
	return a
}

// emptyAt returns when nothing counts any more if no more calls come; zero for an empty meter.
func (m *meter) emptyAt() (at time.Time) {
	for i := range m.spans {
		if s := &m.spans[i]; s.gone < len(s.grants) {
			at = later(at, s.grants[len(s.grants)-1].at.Add(s.lasts()))
		}
	}
	return at
}

// reopened gives back a part of what calls took of the limits named by refusals, after the gate
// was closed for a time: the server has said that there is room now, and not how much. A server
// that refills evenly has refilled that much.
func (m *meter) reopened(closed time.Duration) {
	m.refill(func(s *span, u int) int64 {
		return int64(math.Ceil(float64(s.most[u]) * closed.Seconds() / s.window.Seconds()))
	})
}

// refill gives back some of each unit with a limit named by a refusal.
func (m *meter) refill(some func(*span, int) int64) {
	for i := range m.spans {
		s := &m.spans[i]
		for u := range s.taught {
			if s.taught[u] {
				s.giveBack(u, some(s, u))
			}
		}
	}
}

// teach learns a limit named by a refusal. It returns the configured limit if that is higher:
// from now on the server's counts. Unless costs are told a limit of tokens is learned only in
// place of a configured one, because a guess by the size is no measure.
func (m *meter) teach(q policy.Quota, told bool) (was policy.Quota, lowered bool) {
	for u, most := range limitsOf(q) {
		if most <= 0 {
			continue
		}
		s := m.span(q.Window)
		switch {
		case limitsOf(s.quota)[u] == 0 && u != requests && !told:
		case limitsOf(s.quota)[u] == 0:
			s.most[u], s.taught[u] = most, true
		case most < s.most[u]:
			was, lowered = s.limit(u), true
			s.most[u] = most
		}
	}
	m.drop()
	return was, lowered
}
