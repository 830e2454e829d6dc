package gate

import "time"

const (
	// credible is the largest share of refused calls that is taken for chance while
	// the server keeps its word. Measured (bench/fleet, A3 with 30 to 300 clients): with
	// more, clients that share a bucket take each other's calls for chance, and go on.
	credible = 0.08
	// common is the same where the calls that the hint would hold are many. Judgement:
	// where more than half of the calls are refused, whoever waits is better off.
	common = 0.5
	// many is how many calls that are: soon after a refusal so many answers are there
	// that a row of refusals tells more than one does. Judgement: as for the pace.
	many = sample
	// shortHint is from when on hints are worth to be kept for all. Judgement: less is
	// over before the next call.
	shortHint = 500 * time.Millisecond
	// doubtFor is for how long a hint that was contradicted makes further hints
	// doubtful. Judgement: some of the usual windows of a minute.
	doubtFor = 5 * minute
	// several is how many refusals in a row close a gate whose hints are in doubt.
	// Judgement: two are often one cause.
	several = 3
	// few is how many calls tell how many of them are refused, if at least busy calls
	// come in a second. Judgement: a row of refusals that chance does not explain
	// costs little where calls come fast.
	few  = 4
	busy = 1
	// rare is the largest share of refused calls with which a pace is enforced: one
	// that keeps refusals no rarer is no cure. Judgement: a quota refuses some calls
	// in a cycle, to begin with.
	rare = 0.1
	// unsettled is how long the answer to a call is taken to be open where no refusal
	// was timed yet. Judgement: slower than refusals over the longest of links.
	unsettled = time.Second
	// quickest and times bound the same where refusals were timed: so many times
	// their mean, and quickest at least. Judgement: a busy machine is late by less.
	quickest = 250 * time.Millisecond
	times    = 4
)

// Memory is what the answers to the calls of a key have taught for some minutes. It
// outlives the gates of the key, each of which is dropped when it is at rest: keep one
// for a key until [Memory.Stale]. The zero value knows nothing. It is not safe for
// concurrent use.
type Memory struct {
	calls    window    // sent in the last minute
	refused  window    // of them, by which the gate might have closed
	accepted window    // in the last minute
	doubted  time.Time // until when hints are in doubt
	missed   int       // scouts refused since one was accepted
	scouted  time.Time // when the last of them was refused
	unsized  time.Time // until when sizes are known not to matter
	refusals latency   // how long refusals take
	learned  time.Time // when it last learned something
}

// Doubted returns until when hints are in doubt: one refusal then closes nothing.
// It returns the zero time if they are not.
func (m *Memory) Doubted(now time.Time) time.Time {
	if now.Before(m.doubted) {
		return m.doubted
	}
	return time.Time{}
}

// Stale reports whether nothing in the memory is of use any more.
func (m *Memory) Stale(now time.Time) bool { return !now.Before(m.StaleAt()) }

// StaleAt returns when that is so if nothing more is learned.
func (m *Memory) StaleAt() time.Time {
	return later(m.learned.Add(2*minute), later(m.doubted, later(m.unsized, m.scouted.Add(doubtFor))))
}

// settled returns after how long a call without an answer counts as accepted:
// refusals are quick, while what a model accepts may take half a minute.
func (m *Memory) settled() time.Duration {
	if m.refusals.calls == 0 {
		return unsettled
	}
	return max(times*m.refusals.mean, quickest)
}

// known reports whether enough calls were sent for their numbers to speak, on a channel
// on which so many come in a second. A quiet one learns more from believing its
// refusals than from counting them, unless they are in doubt.
func (m *Memory) known(now time.Time, demand float64) bool {
	return m.calls.count(now) >= few && (max(m.calls.rate(now), demand) >= busy || !m.Doubted(now).IsZero())
}

// chance reports whether a row of refusals can be chance: a share of the calls is
// refused whatever the others do, as in the last minute. How large a share is believed
// depends on how many calls the hint would hold, unless hints are in doubt, or short:
// then any, and also the share that was refused whenever it was in vain to close the
// gate. A call without an answer counts as one that was not refused, because refusals
// are quicker.
func (m *Memory) chance(now time.Time, r *row, v *vain, hint time.Duration, holds, unlikely float64) bool {
	q := max(m.refused.count(now)-float64(r.n), 0) / max(m.calls.count(now), 1)
	switch {
	case !m.Doubted(now).IsZero() || hint < shortHint:
		q = max(q, v.share(r.n))
	case holds >= many:
		q = min(q, common)
	default:
		q = min(q, credible)
	}
	return chance(r.n, max(r.calls+1, r.n), min(max(q, seldom), 1), unlikely)
}

// share returns the share of the calls of the last minute that were refused.
func (m *Memory) share(now time.Time) float64 {
	return m.refused.count(now) / max(m.calls.count(now), 1)
}

// interval returns how long after a refusal a scout may go.
func (m *Memory) interval(now time.Time) time.Duration {
	if now.Sub(m.scouted) > doubtFor {
		m.missed = 0
	}
	return scoutAfter << min(max(m.missed-1, 0), scoutDoublings)
}
