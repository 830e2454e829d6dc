package app

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// quota is what a service allows a model in a minute; 0 is no limit.
type quota struct{ requests, tokens int }

// parseQuota reads "REQUESTS" or "REQUESTS/TOKENS".
func parseQuota(s string) (q quota, err error) {
	requests, tokens, both := strings.Cut(s, "/")
	const most = 1_000_000_000
	count := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most {
			return 0
		}
		return n
	}
	q.requests = count(requests)
	if both {
		q.tokens = count(tokens)
	}
	if q.requests == 0 || (both && q.tokens == 0) {
		return q, errors.New("want REQUESTS or REQUESTS/TOKENS a minute, each 1 or more, as 60 or 60/100000")
	}
	return q, nil
}

// String returns the quota in words.
func (q quota) String() string {
	s := plural(q.requests, "request") + " a minute"
	if q.tokens > 0 {
		s += " and " + plural(q.tokens, "token") + " in them"
	}
	return s
}

// meter counts the use of a quota, minute by minute. Not safe for concurrent use: the
// server asks its planner for one attempt at a time.
type meter struct {
	limit quota
	began time.Time // of the minute
	used  quota
}

// newMeter returns a meter of a minute that began then, with so much used.
func newMeter(limit quota, began time.Time, used quota) *meter {
	return &meter{limit: limit, began: began, used: used}
}

// take takes a request, or returns the refusal of the service.
func (m *meter) take(now time.Time, tokens int) error {
	if over := now.Sub(m.began); over >= time.Minute {
		m.began, m.used = m.began.Add(over.Truncate(time.Minute)), quota{}
	}
	left := m.began.Add(time.Minute).Sub(now)
	switch {
	case m.limit.requests > 0 && m.used.requests+1 > m.limit.requests:
		return outOf(requestsPerMinute, m.limit.requests, left)
	case m.limit.tokens > 0 && m.used.tokens+tokens > m.limit.tokens:
		return outOf(tokensPerMinute, m.limit.tokens, left)
	}
	m.used.requests++
	m.used.tokens += tokens
	return nil
}

// thinking returns the time to answer a prompt: 0.5 to 1.5 s, the same in every run.
func thinking(prompt string) time.Duration {
	return 500*time.Millisecond + time.Duration(hashOf(prompt)%1000)*time.Millisecond
}

// within returns a planner with this quota, for all else like plan.
func (q quota) within(began time.Time, plan planner) planner {
	m := newMeter(q, began, quota{})
	return func(model, prompt string, n int) step {
		st := plan(model, prompt, n)
		if st.err == nil {
			st.err, st.takes = m.take(time.Now(), tokensOf(prompt)), thinking(prompt)
		}
		return st
	}
}

// tokensOf counts the tokens of a text: its words.
func tokensOf(text string) int { return len(strings.Fields(text)) }
