package gates

import (
	"time"

	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// known returns the limits known in advance that are to be in force.
func (g *Gates) known() []policy.Quota {
	if g.Quotas == nil || g.Off {
		return nil
	}
	return g.Quotas()
}

// limit puts limits in force. While there are any, calls look for a gate.
func (g *Gates) limit(quotas []policy.Quota) {
	g.generation++
	switch {
	case len(quotas) > 0 && len(g.quotas) == 0:
		g.word.Add(perGate)
	case len(quotas) == 0 && len(g.quotas) > 0:
		g.word.Add(^uint64(perGate - 1))
	}
	g.quotas = quotas
	g.limiting.Store(len(quotas) > 0)
}

// at returns the key, with its gate if limits are known for the key; nil if there is nothing
// to know.
func (g *Gates) at(name Key, now time.Time) *keyed {
	k := g.keys.find(name)
	if len(g.quotas) == 0 || (k != nil && k.Gate != nil) {
		return k
	}
	if k == nil {
		if k = g.keys.add(name, now, g.drop); k == nil {
			return nil
		}
	}
	if g.limitKey(k, now); k.memory.Limited() {
		g.open(name, k, now)
	}
	return k
}

// limitKey looks up the limits for a key, unless they are known.
func (g *Gates) limitKey(k *keyed, now time.Time) {
	if k.generation == g.generation {
		return
	}
	k.generation = g.generation
	if len(g.quotas) > 0 || k.memory.Limited() {
		k.memory.Limit(now, policy.QuotasFor(g.quotas, k.key.Quota))
	}
}

// Limiting reports whether limits are known for some keys.
func (g *Gates) Limiting() bool { return g.limiting.Load() }

// Used says what a call with ticket t took of the limits for its key in fact, and returns the
// ticket that replaces t. over says that there is no room for so much: a call not sent as yet
// has to wait.
func (g *Gates) Used(key Key, t gate.Ticket, c policy.Cost) (_ gate.Ticket, over bool) {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	if k := g.keys.find(key); k != nil && k.Gate != nil {
		now := g.Clock.Now()
		t, over = k.Used(t, c)
		g.turn(k, now)
	}
	return t, over && !g.Dry
}

// Owe lets a call through that was turned away, and that makes the attempt all the same. It
// returns the ticket.
func (g *Gates) Owe(w *Waiter) gate.Ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.k.Gate == nil { // dropped since
		return gate.Ticket{}
	}
	return w.k.Owe(g.Clock.Now(), &w.waiter)
}

// Lowered reports that a refusal has named a lower limit than the configuration.
type Lowered struct {
	Key     Key
	To, Was policy.Quota
}

// noteLimits notes what the last answer has taught, and queues a report if it has lowered a
// limit.
func (g *Gates) noteLimits(k *keyed) {
	if k.memory.Limited() {
		g.limiting.Store(true)
	}
	if to, was, ok := k.Lowered(); ok && g.Lowered != nil {
		l := Lowered{k.key, to, was}
		g.teller.add(func() { g.Lowered(l) })
	}
}
