package gate

import (
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

const (
	// slack and mostSlack are how much longer than its window a call counts: a hundredth of
	// the window, at most mostSlack. Judgement: a call may reach the server later than the
	// call after it, by the setup of a connection at most.
	slack     = 100
	mostSlack = 250 * time.Millisecond
	// grains is how many grants at least make up a full window. A grant counts until the
	// last of its calls is over, so that 1/grains of the quota is unused at most.
	grains = 256
)

// span counts over a rolling window. The calls are kept as grants, the oldest first.
type span struct {
	quota  policy.Quota // as configured; zero for none
	window time.Duration
	most   amount           // limits in force; 0 for none
	taught [units]bool      // the limit was named by a refusal, and nothing is configured
	spaced [units]time.Time // when the next call of the lowest band may go
	used   amount
	grants []grant
	gone   int // how many grants at the front are over
}

// grant is what calls of about the same time took.
type grant struct {
	from, at time.Time // the first and the last of the calls
	took     amount
}

// limit returns the limit of a unit.
func (s *span) limit(u int) policy.Quota {
	q := policy.Quota{Pattern: s.quota.Pattern, Window: s.window}
	*[...]*int64{&q.Requests, &q.Tokens, &q.Items}[u] = s.most[u]
	return q
}

// share returns the part of the window for n of a unit; 0 for less than nothing.
func (s *span) share(u int, n int64) time.Duration {
	return time.Duration(float64(s.lasts()) * float64(max(n, 0)) / float64(s.most[u]))
}

// giveBack gives back n of a unit, of the oldest grants.
func (s *span) giveBack(u int, n int64) {
	for i := s.gone; i < len(s.grants) && n > 0; i++ {
		some := min(s.grants[i].took[u], n)
		s.grants[i].took[u] -= some
		s.used[u] -= some
		n -= some
	}
}

// lasts returns how long a call counts.
func (s *span) lasts() time.Duration { return s.window + min(s.window/slack, mostSlack) }

// expire drops the grants that are over.
func (s *span) expire(now time.Time) {
	for s.gone < len(s.grants) && !now.Before(s.grants[s.gone].at.Add(s.lasts())) {
		s.used = s.used.minus(s.grants[s.gone].took)
		s.gone++
	}
	if s.gone > len(s.grants)/2 {
		s.grants = s.grants[:copy(s.grants, s.grants[s.gone:])]
		s.gone = 0
	}
}

func (s *span) take(now time.Time, a amount) {
	s.expire(now)
	s.used = s.used.plus(a)
	if n := len(s.grants); n > s.gone && now.Sub(s.grants[n-1].from) < s.window/grains {
		last := &s.grants[n-1]
		last.at, last.took = now, last.took.plus(a)
		return
	}
	s.grants = append(s.grants, grant{now, now, a})
}

func (s *span) correct(sent time.Time, more amount) {
	for i := len(s.grants) - 1; i >= s.gone; i-- {
		g := &s.grants[i]
		if sent.Before(g.from) {
			continue
		}
		if !sent.After(g.at) {
			before := g.took
			for u := range more {
				g.took[u] = max(g.took[u]+more[u], 0)
			}
			s.used = s.used.plus(g.took.minus(before))
		}
		return
	}
}

// when returns when there is room for n more of a unit, if calls take all room from now on:
// every window the whole limit becomes free once more.
func (s *span) when(now time.Time, u int, n int64) time.Time {
	if n <= 0 {
		return now
	}
	most := s.most[u]
	windows := (n - 1) / most
	n -= windows * most
	missing := n - (most - s.used[u])
	for i := s.gone; missing > 0 && i < len(s.grants); i++ {
		if missing -= s.grants[i].took[u]; missing <= 0 {
			now = later(now, s.grants[i].at.Add(s.lasts()))
		}
	}
	return now.Add(time.Duration(windows) * s.lasts())
}
