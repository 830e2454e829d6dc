package interceptor

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// gates are the gates of a Retrier: there is one for a key from a failure that
// concerns it until it is at rest. They have one lock, which no call takes while
// there is no gate.
type gates struct {
	// word is how many gates there are, above 32 bits of how many successes there
	// are to a sample: 0 if none is taken. Zero costs a call nothing but to look.
	word atomic.Uint64

	r   *Retrier
	off bool
	set *policy.GateConfig // by WithGate; nil for the one of the Config
	key GateKeyFunc        // nil for the default

	mu    sync.Mutex
	byKey map[string]*keyedGate
	pulse gate.Pulse
	told  []GateEvent // to be told
	tell  sync.Mutex  // held by whoever tells
}

// keyedGate is the gate of a key, and its timer.
type keyedGate struct {
	*gate.Gate
	key     string
	state   gate.State // that was told
	err     error      // why it closed last
	failure codes.Failure
	stop    func() bool // stops the timer; nil for none
	at      time.Time   // when it fires
	timer   int         // the number of the one that counts
}

// perGate is what a gate counts for in the word.
const perGate = 1 << 32

// there reports whether there is a gate.
func (g *gates) there() bool { return g.word.Load() >= perGate }

// begin says how many successes there are to a sample.
func (g *gates) begin(c policy.GateConfig) {
	if c.Probes && !g.off {
		g.word.Store(1)
	}
}

// config returns the figures in force.
func (g *gates) config() *policy.GateConfig {
	if g.set != nil {
		return g.set
	}
	return &g.r.live.Load().Gate
}

// success counts the success of a call if it is a sample.
func (g *gates) success() {
	every := g.word.Load() % perGate
	if every == 0 || (every > 1 && rand.Uint64N(every) > 0) { //nolint:forbidigo,gosec // which successes are counted is no jitter, and no secret
		return
	}
	now := g.r.clock.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pulse.Success(now)
	next := uint64(g.pulse.Every())          //nolint:gosec // it is not negative
	g.word.Add(next - g.word.Load()%perGate) // changed with the lock only
}

// done tells the gate of a key how a call ended that had a ticket, and reports
// whether what follows has to wait for the gate alone.
func (g *gates) done(key func() string, t gate.Ticket, f codes.Failure, err error) (held bool) {
	concerns := gate.Concerns(g.config(), f)
	if g.off || (!concerns && !g.there()) {
		return false
	}
	name, now, u := key(), g.r.clock.Now(), g.r.rand()
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.byKey[name]
	if k == nil {
		if !concerns {
			return false
		}
		k = g.add(name, now)
	}
	if concerns {
		k.err, k.failure = err, f
	}
	k.Done(now, t, f, u)
	if concerns && k.State(now) == gate.Open {
		g.pulse.Failure(now)
	}
	held = k.Holds(now, f)
	g.turn(k, now)
	return held
}

// add makes the gate of a key.
func (g *gates) add(name string, now time.Time) *keyedGate {
	if g.byKey == nil {
		g.byKey = map[string]*keyedGate{}
	}
	k := &keyedGate{key: name, Gate: gate.New(*g.config(), now, g.pulse)}
	g.byKey[name] = k
	g.word.Add(perGate)
	return k
}

// turn lets through those whose turn has come, and sets the timer for the next.
func (g *gates) turn(k *keyedGate, now time.Time) {
	for {
		w, verdict := k.Admit(now)
		if w == nil {
			break
		}
		w.Owner.(*waiter).ready <- verdict //nolint:forcetypeassert // it is ours; there is room for one
	}
	g.note(k, now)
	if k.AtRest(now) {
		if g.byKey[k.key] == k {
			delete(g.byKey, k.key)
			g.word.Add(^uint64(perGate - 1))
		}
		k.halt()
		return
	}
	next := k.Next(now)
	switch {
	case next.IsZero():
		k.halt()
		return
	case k.stop != nil && !k.at.After(next): // it fires early enough, and sets the next
		return
	}
	k.halt()
	k.timer++
	n := k.timer
	k.at = next
	k.stop = g.r.clock.AfterFunc(max(next.Sub(now), 0), func() { g.fire(k, n) })
}

// halt stops the timer.
func (k *keyedGate) halt() {
	if k.stop != nil {
		k.stop()
		k.stop = nil
	}
}

// fire is what the timer does.
func (g *gates) fire(k *keyedGate, n int) {
	now := g.r.clock.Now()
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	if n == k.timer {
		k.stop = nil
		g.turn(k, now)
	}
}
