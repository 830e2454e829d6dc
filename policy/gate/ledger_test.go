package gate_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// ledger counts call by call what a meter counts by grants. The zero value has no limits.
type ledger struct {
	limits []policy.Quota
	calls  []*entry
}

// entry is what a call took: requests, tokens and items.
type entry struct {
	at   time.Time
	took [3]int64
}

// limits returns random limits.
func limits(rng *rand.Rand) (all []policy.Quota) {
	for range 1 + rng.IntN(3) {
		q := policy.Quota{Pattern: "*", Window: time.Duration(1+len(all))*10*time.Second + time.Duration(rng.IntN(9000))*time.Millisecond}
		switch rng.IntN(4) {
		case 0:
			q.Requests = 1 + rng.Int64N(20)
		case 1:
			q.Tokens = 1 + rng.Int64N(500)
		case 2:
			q.Items = 1 + rng.Int64N(20)
		case 3:
			q.Requests, q.Tokens = 1+rng.Int64N(20), 1+rng.Int64N(500)
		}
		all = append(all, q)
	}
	return all
}

func (l *ledger) on() bool { return len(l.limits) > 0 }

// longest returns the longest window.
func (l *ledger) longest() (d time.Duration) {
	for _, q := range l.limits {
		d = max(d, q.Window)
	}
	return d
}

// mosts returns the limits of a quota.
func mosts(q policy.Quota) [3]int64 { return [3]int64{q.Requests, q.Tokens, q.Items} }

// fit returns what counts of a cost: no more than the limits allow at all.
func (l *ledger) fit(took [3]int64) [3]int64 {
	for _, q := range l.limits {
		for u, most := range mosts(q) {
			if most > 0 {
				took[u] = min(took[u], most)
			}
		}
	}
	return took
}

// take counts a call. The text says which limit had no room; empty for none.
func (l *ledger) take(now time.Time, c policy.Cost) (e *entry, text string) {
	e = &entry{now, l.fit([3]int64{1, c.Tokens, c.Items})}
	l.calls = append(l.calls, e)
	for _, q := range l.limits {
		var sum [3]int64
		for _, c := range l.calls {
			if now.Sub(c.at) < q.Window {
				for u := range sum {
					sum[u] += c.took[u]
				}
			}
		}
		for u, most := range mosts(q) {
			if most > 0 && e.took[u] > 0 && sum[u] > most {
				text = fmt.Sprintf("as number %d within %v: want at most %d (0 requests, 1 tokens, 2 items: %d)", sum[u], q.Window, most, u)
			}
		}
	}
	return e, text
}

// correct corrects the tokens of a call.
func (l *ledger) correct(e *entry, tokens int64) {
	if tokens > 0 {
		e.took[1] = tokens
		e.took = l.fit(e.took)
	}
}
