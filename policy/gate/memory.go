package gate

import "time"

const (
	// credible is the largest share of refused calls taken for chance while hints are not
	// in doubt. Measured (bench/fleet, A3 with 30 to 300 clients): with a larger share,
	// clients of one bucket take the refusals of each other's calls for chance, and go on.
	credible = 0.08
	// common replaces credible where the hint would hold many calls. Judgement: where more
	// than half of the calls are refused, waiting is better.
	common = 0.5
	// many is how many held calls make common apply: so many answers come soon after a
	// refusal that a row of refusals tells more than one refusal. Judgement: as for the
	// pace.
	many = sample
	// shortHint is the least hint worth keeping for all calls. Judgement: a shorter hint is
	// over before the next call.
	shortHint = 500 * time.Millisecond
	// doubtFor is how long hints stay in doubt after a hint was contradicted. Judgement:
	// some of the usual windows of a minute.
	doubtFor = 5 * minute
	// several is how many refusals in a row close a gate while hints are in doubt.
	// Judgement: two often have one cause.
	several = 3
	// few is how many calls are enough to tell the share of refused calls, if at least busy
	// calls arrive per second. Judgement: a row of refusals beyond chance costs little
	// where calls come fast.
	few  = 4
	busy = 1
	// rare is the largest share of refused calls with an enforced pace: a pace that keeps
	// refusals no rarer is no cure. Judgement: a quota initially refuses some calls in a
	// cycle.
	rare = 0.1
	// unsettled is the time without an answer after which a call counts as accepted, before
	// any refusal was timed. Judgement: refusals are faster even over the longest of links.
	unsettled = time.Second
	// times and quickest replace unsettled after a refusal was timed: times the mean time
	// of a refusal, and quickest at least. Judgement: a busy machine is late by less.
	quickest = 250 * time.Millisecond
	times    = 4
)

// Memory is the knowledge about a key from the answers of some minutes. A Memory outlives
// the gates of the key, because a gate at rest is dropped. Keep one Memory per key until
// [Memory.Stale]. The zero value knows nothing. A Memory is not safe for concurrent use.
type Memory struct {
	calls    window         // calls sent in the last minute
	refused  window         // refusals in the last minute that could have closed the gate
	accepted window         // calls accepted in the last minute
	doubted  time.Time      // until when hints are in doubt
	missed   int            // refused scouts since the last accepted scout
	scouted  time.Time      // when a scout was last refused
	unsized  time.Time      // until when size is known not to matter
	refusals latency        // how long refusals take
	learned  time.Time      // when the memory last learned something
	meter    meter          // limits that are known
	usual    [units]float64 // what a call usually takes
	trial    trial          // of a limit named by a refusal
}

// Doubted returns until when hints are in doubt, so that one refusal closes nothing; the
// zero time if hints are not in doubt.
func (m *Memory) Doubted(now time.Time) time.Time {
	if now.Before(m.doubted) {
		return m.doubted
	}
	return time.Time{}
}

// Stale reports whether the memory is of no use any more.
func (m *Memory) Stale(now time.Time) bool { return !now.Before(m.StaleAt()) }

// StaleAt returns when the memory becomes stale if nothing more is learned.
func (m *Memory) StaleAt() time.Time {
	return later(m.meter.emptyAt(), later(m.learned.Add(2*minute), later(m.doubted, later(m.unsized, m.scouted.Add(doubtFor)))))
}

// settled returns the time without an answer after which a call counts as accepted:
// refusals are quick, while an accepted call to a model may take half a minute.
func (m *Memory) settled() time.Duration {
	if m.refusals.calls == 0 {
		return unsettled
	}
	return max(times*m.refusals.mean, quickest)
}

// known reports whether enough calls were sent to judge a refusal by its frequency, on a
// channel with at least busy calls per second. A quieter channel gains more from believing
// refusals than from counting them, unless hints are in doubt.
func (m *Memory) known(now time.Time, demand float64) bool {
	return m.calls.count(now) >= few && (max(m.calls.rate(now), demand) >= busy || !m.Doubted(now).IsZero())
}

// chance reports whether a row of refusals may be chance, if each call is refused
// independently, as often as in the last minute. The largest credible share of refused
// calls depends on how many calls the hint would hold. With hints in doubt, or a short
// hint, any share is credible, as is the share refused over the closings in vain. A call
// without an answer counts as not refused, because refusals are quicker.
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

// share returns the share of refused calls in the last minute.
func (m *Memory) share(now time.Time) float64 {
	return m.refused.count(now) / max(m.calls.count(now), 1)
}

// interval returns the time between a refusal and the next scout.
func (m *Memory) interval(now time.Time) time.Duration {
	if now.Sub(m.scouted) > doubtFor {
		m.missed = 0
	}
	return scoutAfter << min(max(m.missed-1, 0), scoutDoublings)
}
