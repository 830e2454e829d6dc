package gates

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// ledger keeps the quotas used up for long, for calls with other places to go. Other calls
// never look. The zero value is empty.
type ledger struct {
	on    atomic.Bool // some quota may be closed
	mu    sync.Mutex
	of    map[Key]*spentQuota
	until time.Time // when the first closed quota opens
}

// spentQuota is a quota with the closing refusal.
type spentQuota struct {
	gate.Spent
	failure codes.Failure
	err     error
}

// Spending reports whether some quota may be spent.
func (g *Gates) Spending() bool { return g.spent.on.Load() }

// Spent returns the time until a spent quota is expected to have room, with the refusal; 0
// if the quota has room. scout: the call may go there all the same.
func (g *Gates) Spent(key Key) (left time.Duration, scout bool, why Reason) {
	if !g.Spending() {
		return 0, false, Reason{}
	}
	l := &g.spent
	l.mu.Lock()
	defer l.mu.Unlock()
	now := g.Clock.Now()
	if !now.Before(l.until) {
		l.sum(now)
	}
	q := l.of[key]
	if q == nil {
		return 0, false, Reason{}
	}
	left = q.Left(now)
	if left <= 0 {
		return 0, false, Reason{}
	}
	return left, q.Scout(now), Reason{Failure: q.failure, Err: q.err, Closed: true, Left: left}
}

// Press reports whether a call with nowhere else to go may try a spent quota.
func (g *Gates) Press(key Key) bool {
	g.spent.mu.Lock()
	defer g.spent.mu.Unlock()
	q := g.spent.of[key]
	return q != nil && q.Press(g.Clock.Now())
}

// SpentFor is Spent without sending a scout.
func (g *Gates) SpentFor(key Key) time.Duration {
	if !g.Spending() {
		return 0
	}
	g.spent.mu.Lock()
	defer g.spent.mu.Unlock()
	if q := g.spent.of[key]; q != nil {
		return q.Left(g.Clock.Now())
	}
	return 0
}

// Spend closes a quota after the refusal of a call with f, of class Spent. scout: the call
// was a scout.
func (g *Gates) Spend(key Key, scout bool, f codes.Failure, err error) {
	if g.Off || g.Dry {
		return
	}
	u := g.Rand()
	l := &g.spent
	l.mu.Lock()
	defer l.mu.Unlock()
	now := g.Clock.Now()
	q := l.of[key]
	if q == nil {
		if len(l.of) >= mostKeys {
			l.forget(now)
		}
		if l.of == nil {
			l.of = map[Key]*spentQuota{}
		}
		q = new(spentQuota)
		l.of[key] = q
	}
	q.failure, q.err = f, err
	q.Refused(now, policy.SpentUntil(now, f), scout, u)
	l.sum(now)
}

// Refill opens a spent quota after an accepted scout.
func (g *Gates) Refill(key Key) {
	g.spent.mu.Lock()
	defer g.spent.mu.Unlock()
	if q := g.spent.of[key]; q != nil {
		now := g.Clock.Now()
		q.Open(now)
		g.spent.sum(now)
	}
}

// sum finds out whether a quota is closed, and until when, so that healthy calls need not look.
func (l *ledger) sum(now time.Time) {
	closed := false
	for _, q := range l.of {
		if left := q.Left(now); left > 0 && (!closed || now.Add(left).Before(l.until)) {
			closed, l.until = true, now.Add(left)
		}
	}
	l.on.Store(closed)
}

// forget makes room: it drops the open quotas, or else any other.
func (l *ledger) forget(now time.Time) {
	var one Key
	for key, q := range l.of {
		if one = key; q.Left(now) <= 0 {
			delete(l.of, key)
		}
	}
	if len(l.of) >= mostKeys {
		delete(l.of, one)
	}
}

// Turn returns the time until the turn of a call arriving now at the gate of a
// key, if there is a gate; otherwise 0.
func (g *Gates) Turn(key Key) time.Duration {
	if !g.There() || g.Dry {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if k := g.keys.all[key]; k != nil && k.Gate != nil {
		return k.Left(g.Clock.Now(), nil)
	}
	return 0
}
