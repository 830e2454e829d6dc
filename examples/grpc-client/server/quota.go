package server

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// Quota is the limit of a service for a model in a minute; 0 is no limit.
type Quota struct{ Requests, Tokens int }

// ParseQuota reads "REQUESTS" or "REQUESTS/TOKENS".
func ParseQuota(s string) (q Quota, err error) {
	requests, tokens, both := strings.Cut(s, "/")
	const most = 1_000_000_000
	count := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most {
			return 0
		}
		return n
	}
	q.Requests = count(requests)
	if both {
		q.Tokens = count(tokens)
	}
	if q.Requests == 0 || (both && q.Tokens == 0) {
		return q, errors.New("want REQUESTS or REQUESTS/TOKENS a minute, each 1 or more, as 60 or 60/100000")
	}
	return q, nil
}

// String returns the quota in words.
func (q Quota) String() string {
	s := terminal.Plural(q.Requests, "request") + " a minute"
	if q.Tokens > 0 {
		s += " and " + terminal.Plural(q.Tokens, "token") + " in them"
	}
	return s
}

// Meter counts the use of a quota, minute by minute. A Meter is not safe for concurrent
// use: the server asks the planner for one attempt at a time.
type Meter struct {
	limit Quota
	began time.Time // of the minute
	used  Quota
}

// NewMeter returns a meter for a minute with this begin and use.
func NewMeter(limit Quota, began time.Time, used Quota) *Meter {
	return &Meter{limit: limit, began: began, used: used}
}

// Take takes a request, or returns the refusal of the service.
func (m *Meter) Take(now time.Time, tokens int) error {
	if over := now.Sub(m.began); over >= time.Minute {
		m.began, m.used = m.began.Add(over.Truncate(time.Minute)), Quota{}
	}
	left := m.began.Add(time.Minute).Sub(now)
	switch {
	case m.limit.Requests > 0 && m.used.Requests+1 > m.limit.Requests:
		return outOf(requestsPerMinute, m.limit.Requests, left)
	case m.limit.Tokens > 0 && m.used.Tokens+tokens > m.limit.Tokens:
		return outOf(tokensPerMinute, m.limit.Tokens, left)
	}
	m.used.Requests++
	m.used.Tokens += tokens
	return nil
}

// thinking returns the time to answer a prompt: 0.5 to 1.5 s, the same in every run.
func thinking(prompt string) time.Duration {
	return 500*time.Millisecond + time.Duration(hashOf(prompt)%1000)*time.Millisecond
}

// Within returns a planner with this quota, for all else like plan.
func (q Quota) Within(began time.Time, plan Planner) Planner {
	m := NewMeter(q, began, Quota{})
	return func(model, prompt string, n int) Step {
		st := plan(model, prompt, n)
		if st.Err == nil {
			st.Err, st.Takes = m.Take(time.Now(), tokensOf(prompt)), thinking(prompt)
		}
		return st
	}
}

// tokensOf counts the words of a text, as tokens.
func tokensOf(text string) int { return len(strings.Fields(text)) }
