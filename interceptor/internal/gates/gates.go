// Package gates owns the gates of a channel: under one lock, every key has a gate and a
// timer, and every call a place in the queue. The package knows neither calls nor the
// Retrier: the clock, the random numbers, the figures and the listeners come in as
// arguments.
package gates

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// Config is what [Gates] work with.
type Config struct {
	Clock   clock.Clock
	Rand    func() float64            // returns numbers in [0, 1)
	Figures func() *policy.GateConfig // returns the figures in force
	Quotas  func() []policy.Quota     // returns the limits known in advance; nil for none
	Off     bool                      // no gates
	Dry     bool                      // gates hold no call; a [Shade] stands for each call
	// Samples says that successful calls can be counted. Without samples a gate that closes
	// for hints alone relies on the calls at the gate.
	Samples bool
	// Changed and Held receive one report after the other, without the lock; nil for no
	// listener. They must not panic.
	Changed func(Change)
	Held    func(Held)
	Lowered func(Lowered)
}

// Gates are the gates of a channel. A key has a gate from a failure that concerns the gate
// until the gate is at rest, and a key with a known limit from its first call. All gates share one lock. While there is no gate, a call takes
// the lock only for a failure or a sampled success. Make Gates work with [Gates.Begin];
// from then on they are safe for concurrent use.
type Gates struct {
	Config // read-only

	// word packs two counters so that the happy path reads one atomic: the number of gates
	// in the high 32 bits, and one if limits are known, the number of successes per sample in
	// the low 32, 0 for no samples. Zero means nothing to do.
	word atomic.Uint64

	mu      sync.Mutex
	keys    keyring
	channel gate.Channel
	teller  teller
	spent   ledger

	wouldHold, inVain int // see Counts

	limiting   atomic.Bool    // there are limits
	quotas     []policy.Quota // the limits in force
	generation int            // of the limits, from 1
}

// perGate is one gate in the word.
const perGate = 1 << 32

// Look reports whether there is a gate, and returns the number of successes per sample, 0
// for no samples.
func (g *Gates) Look() (there bool, every uint64) {
	word := g.word.Load()
	return word >= perGate, word % perGate
}

// There reports whether there is a gate.
func (g *Gates) There() bool { return g.word.Load() >= perGate }

// Begin makes the gates work. Call Begin once, before anything else.
func (g *Gates) Begin(c Config) {
	g.Config = c
	g.sample(c.Figures())
	g.limit(g.known())
}

// sample turns sampling on, at first of every success, or off.
func (g *Gates) sample(c *policy.GateConfig) {
	every := g.word.Load() % perGate
	switch on := (c.Probes || (c.Hints && g.Samples)) && !g.Off; {
	case on && every == 0:
		g.word.Add(1)
	case !on && every > 0:
		g.word.Add(-every)
	}
}

// Configure puts the figures in force that Figures returns now.
func (g *Gates) Configure() {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now()
	c := g.Figures()
	g.sample(c)
	g.limit(g.known())
	for k := range g.keys.gated() {
		k.Set(now, *c)
		g.limitKey(k, now)
		g.turn(k, now)
	}
}

// Success counts a success if drawn as a sample.
func (g *Gates) Success() {
	every := g.word.Load() % perGate
	if every == 0 || (every > 1 && rand.Uint64N(every) > 0) { //nolint:forbidigo,gosec // which successes are counted is no jitter, and no secret
		return
	}
	g.Sampled()
}

// Sampled counts a success drawn as a sample.
func (g *Gates) Sampled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	every := g.word.Load() % perGate // only changed under the lock
	if every == 0 {
		return
	}
	g.channel.Success(g.Clock.Now())
	g.word.Add(uint64(g.channel.Every()) - every) //nolint:gosec // it is not negative
}

// Concern reports whether the gates must be told that an attempt ended with f.
func (g *Gates) Concern(f codes.Failure) bool {
	return !g.Off && (g.There() || gate.Concerns(g.Figures(), f))
}

// Done tells the gate of a key how an attempt with ticket t ended: f is zero for a success.
// held says that the next attempt waits for the gate alone, and opens is the time until the
// gate opens.
func (g *Gates) Done(key Key, t gate.Ticket, f codes.Failure, err error) (opens time.Duration, held bool) {
	u := g.Rand()
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now() // under the lock, so that time never goes back
	k := g.keys.find(key)
	if k == nil || k.Gate == nil {
		if !gate.Concerns(g.Figures(), f) {
			return 0, false
		}
		if k = g.open(key, k, now); k == nil {
			return 0, false
		}
	}
	if g.Dry {
		k.heard(now, f)
	}
	g.take(k, now, t, f, err, u)
	g.noteLimits(k)
	if held = k.Holds(now, f); held {
		opens = max(k.Until().Sub(now), 0)
	}
	g.turn(k, now)
	return opens, held
}

// take gives an answer to the gate of a key.
func (g *Gates) take(k *keyed, now time.Time, t gate.Ticket, f codes.Failure, err error, u float64) {
	concerns := gate.Concerns(g.Figures(), f)
	if concerns {
		k.err, k.failure = err, f
	}
	k.Done(now, t, f, u)
	if concerns && k.State(now) == gate.Open {
		g.channel.Failure(now)
	}
}

// open makes the gate of a key. It returns nil if calls wait at too many keys.
func (g *Gates) open(name Key, k *keyed, now time.Time) *keyed {
	if k == nil {
		k = g.keys.add(name, now, g.drop)
	}
	if k != nil {
		g.limitKey(k, now)
		k.Gate = gate.New(*g.Figures(), now, &g.channel, &k.memory)
		k.state = gate.Open
		g.word.Add(perGate)
	}
	return k
}

// drop drops the gate of a key.
func (g *Gates) drop(k *keyed) {
	k.halt()
	if k.Gate != nil {
		k.Gate = nil
		g.word.Add(^uint64(perGate - 1))
	}
}

// admitted is a waiting call. admit ends the wait, with the lock held.
type admitted interface {
	admit(now time.Time, verdict gate.Verdict)
}

// turn lets calls through whose turn has come, and sets the timer for the next turn.
func (g *Gates) turn(k *keyed, now time.Time) {
	for {
		w, verdict := k.Admit(now)
		if w == nil {
			break
		}
		w.Owner.(admitted).admit(now, verdict) //nolint:forcetypeassert // it is ours
	}
	g.note(k, now)
	if k.AtRest(now) {
		g.drop(k)
		return
	}
	next := k.Next(now)
	switch {
	case next.IsZero():
		k.halt()
		return
	case k.stop != nil && !k.at.After(next): // the timer fires early enough, and sets the next one
		return
	}
	k.halt()
	k.timer++
	n := k.timer
	k.at = next
	k.stop = g.Clock.AfterFunc(max(next.Sub(now), 0), func() { g.fire(k, n) })
}

// fire runs when timer n fires. Only the latest timer counts.
func (g *Gates) fire(k *keyed, n int) {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now()
	if n == k.timer && k.Gate != nil {
		k.stop = nil
		g.turn(k, now)
	}
}
