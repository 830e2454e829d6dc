package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// Quota is a limit of the server that is known in advance. Calls are paced to the limit, and
// wait before the server has to refuse one. The limit holds for any span of Window, so that the
// server may count by fixed or by rolling windows.
type Quota struct {
	// Pattern names the keys with this limit, such as "models/gemini-2.5-*": see [Quota.Matches].
	// Every matching key has the limit for itself.
	Pattern string
	// Requests, Tokens and Items are the most in a Window; 0 for no limit. The tokens and items
	// of a call are those of interceptor.WithCost.
	Requests, Tokens, Items int64
	// Window is the time for which the limit holds, from a second to 31 days: default a minute.
	Window time.Duration
}

// Cost is what a call takes of a quota, beside the one request.
type Cost struct {
	// Tokens and Items are 0 or more: tokens of a prompt, and items such as the texts of a
	// request for embeddings.
	Tokens, Items int64
}

// mostWindow is the longest window of a Quota.
const mostWindow = 31 * 24 * time.Hour

// Effective returns the Quota with its window set.
func (q Quota) Effective() Quota {
	orDuration(&q.Window, time.Minute)
	return q
}

// String returns "60 requests and 100000 tokens in 1m0s of models/gemini-2.5-*".
func (q Quota) String() string {
	var parts []string
	for _, part := range []struct {
		n    int64
		unit string
	}{{q.Requests, "request"}, {q.Tokens, "token"}, {q.Items, "item"}} {
		switch {
		case part.n == 1:
			parts = append(parts, "1 "+part.unit)
		case part.n != 0:
			parts = append(parts, fmt.Sprintf("%d %ss", part.n, part.unit))
		}
	}
	if n := len(parts); n > 1 {
		parts = []string{strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]}
	}
	return strings.Join(parts, "") + " in " + q.Effective().Window.String() + " of " + q.Pattern
}

// Matches reports whether the Quota is for the calls with a key. A key is what
// interceptor.GateKey returns: words such as a method, "model=models/gemini-2.5-flash" and
// "project=p".
//
// Every word of the pattern matches some word of the key. A star stands for any characters of
// a word. A word of the key may be named without what is before an equals sign, and without
// what is before a slash: "models/gemini-2.5-*" matches
// "model=projects/p/locations/l/publishers/google/models/gemini-2.5-pro", too.
func (q *Quota) Matches(key string) bool {
	words := strings.Fields(q.Pattern)
	for _, pattern := range words {
		if !matchesSome(pattern, strings.Fields(key)) {
			return false
		}
	}
	return len(words) > 0
}

func matchesSome(pattern string, words []string) bool {
	for _, word := range words {
		for at := 0; at >= 0; {
			if matches(pattern, word[at:]) {
				return true
			}
			next := strings.IndexAny(word[at:], "=/")
			if next < 0 {
				break
			}
			at += next + 1
		}
	}
	return false
}

// matches reports whether the whole word is the pattern, with any characters for a star.
func matches(pattern, word string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return word == pattern
	}
	rest, ok := strings.CutPrefix(word, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[last])
}

// QuotasFor returns the limits for a key: of several limits for the same window, the one with
// the longest pattern.
func QuotasFor(quotas []Quota, key string) (of []Quota) {
	for i := range quotas {
		q := quotas[i].Effective()
		if !q.Matches(key) {
			continue
		}
		at := 0
		for at < len(of) && of[at].Window != q.Window {
			at++
		}
		switch {
		case at == len(of):
			of = append(of, q)
		case len(q.Pattern) > len(of[at].Pattern):
			of[at] = q
		}
	}
	return of
}

// ValidateQuotas returns an error naming each invalid field and the expected value, or nil.
// Several errors are joined.
func ValidateQuotas(quotas []Quota) error {
	var errs []error
	type place struct {
		pattern string
		window  time.Duration
	}
	seen := map[place]bool{}
	for i := range quotas {
		q := &quotas[i]
		fault := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("policy: quota %d: "+format, append([]any{i + 1}, args...)...))
		}
		if len(strings.Fields(q.Pattern)) == 0 {
			fault("pattern %q: want a name in the key of calls, such as %q", q.Pattern, "models/gemini-2.5-*")
		}
		for _, limit := range []struct {
			name string
			n    int64
		}{{"requests", q.Requests}, {"tokens", q.Tokens}, {"items", q.Items}} {
			if limit.n < 0 {
				fault("%s %d: want > 0, or 0 for no limit", limit.name, limit.n)
			}
		}
		if q.Window != 0 && (q.Window < time.Second || q.Window > mostWindow) {
			fault("window %v: want 1s to 744h, or 0s for a minute", q.Window)
		}
		if q.Requests == 0 && q.Tokens == 0 && q.Items == 0 {
			fault("no limit: want requests, tokens or items")
		}
		at := place{strings.Join(strings.Fields(q.Pattern), " "), q.Effective().Window}
		if seen[at] && at.pattern != "" {
			fault("pattern %s: given twice for %v: want one limit for each window", q.Pattern, at.window)
		}
		seen[at] = true
	}
	return errors.Join(errs...)
}

// TaughtBy returns the limit named by a refusal: requests or tokens in a minute. It returns
// false if the refusal does not name a limit, or a limit for another time, such as a day.
func TaughtBy(f codes.Failure) (q Quota, ok bool) {
	if f.Class != codes.Quota || f.QuotaValue <= 0 {
		return q, false
	}
	name := strings.ToLower(f.QuotaID + " " + f.Metric)
	if !strings.Contains(name, "perminute") && !strings.Contains(name, "per_minute") {
		return q, false
	}
	q.Window = time.Minute
	switch {
	case strings.Contains(name, "token"):
		q.Tokens = f.QuotaValue
	case strings.Contains(name, "request"):
		q.Requests = f.QuotaValue
	default:
		return q, false
	}
	return q, true
}
