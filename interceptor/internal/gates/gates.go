// Package gates owns the gates of a channel: it gives each key its gate, a timer and a
// place in the queue for every call, under one lock. It knows neither calls nor the
// Retrier: the clock, the dice, the figures and those who are told come in as arguments.
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

// Config is what gates work with.
type Config struct {
	Clock   clock.Clock
	Rand    func() float64            // returns numbers in [0, 1)
	Figures func() *policy.GateConfig // returns those in force
	Off     bool                      // there are no gates
	Dry     bool                      // they hold nobody, and a [Shade] stands for each call
	// Samples says that calls without a failure can be counted. Without that the gate
	// that closes for hints alone makes do with the calls that it sees itself.
	Samples bool
	// Changed and Held are told one thing after the other, without the lock; nil for
	// nobody. They must not panic.
	Changed func(Change)
	Held    func(Held)
}

// Gates are the gates of a channel: a key has one from a failure that concerns it until
// it is at rest. They have one lock, which no call takes while there is no gate. Make
// them with [Gates.Begin]; they are then safe for concurrent use.
type Gates struct {
	Config // not to be changed

	// word is how many gates there are, above 32 bits of how many successes there
	// are to a sample: 0 if none is taken. Zero costs a call nothing but to look.
	word atomic.Uint64

	mu      sync.Mutex
	keys    keyring
	channel gate.Channel
	teller  teller

	wouldHold, inVain int // see Counts
}

// perGate is what a gate counts for in the word.
const perGate = 1 << 32

// Look reports whether there is a gate, and how many successes there are to a sample: 0
// if none is taken.
func (g *Gates) Look() (there bool, every uint64) {
	word := g.word.Load()
	return word >= perGate, word % perGate
}

// There reports whether there is a gate.
func (g *Gates) There() bool { return g.word.Load() >= perGate }

// Begin makes the gates work. It is called once, before anything else.
func (g *Gates) Begin(c Config) {
	g.Config = c
	g.sample(c.Figures())
}

// sample says how many successes there are to a sample, to begin with.
func (g *Gates) sample(c *policy.GateConfig) {
	every := g.word.Load() % perGate
	switch on := (c.Probes || (c.Hints && g.Samples)) && !g.Off; {
	case on && every == 0:
		g.word.Add(1)
	case !on && every > 0:
		g.word.Add(-every)
	}
}

// Configure puts the figures in force that Figures now returns.
func (g *Gates) Configure() {
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now()
	c := g.Figures()
	g.sample(c)
	for k := range g.keys.gated() {
		k.Set(now, *c)
		g.turn(k, now)
	}
}

// Success counts the success of a call if it is a sample.
func (g *Gates) Success() {
	every := g.word.Load() % perGate
	if every == 0 || (every > 1 && rand.Uint64N(every) > 0) { //nolint:forbidigo,gosec // which successes are counted is no jitter, and no secret
		return
	}
	g.Sampled()
}

// Sampled counts a success that is a sample.
func (g *Gates) Sampled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	every := g.word.Load() % perGate // changed with the lock only
	if every == 0 {
		return
	}
	g.channel.Success(g.Clock.Now())
	g.word.Add(uint64(g.channel.Every()) - every) //nolint:gosec // it is not negative
}

// Concern reports whether they are to be told that an attempt has ended with f.
func (g *Gates) Concern(f codes.Failure) bool {
	return !g.Off && (g.There() || gate.Concerns(g.Figures(), f))
}

// Done tells the gate of a key how an attempt ended that had a ticket: f is zero for a
// success. held says that what follows has to wait for the gate alone, which opens after
// that long.
func (g *Gates) Done(key Key, t gate.Ticket, f codes.Failure, err error) (opens time.Duration, held bool) {
	u := g.Rand()
	defer g.teller.tell()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Clock.Now() // with the lock, so that it never goes back
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
	if held = k.Holds(now, f); held {
		opens = max(k.Until().Sub(now), 0)
	}
	g.turn(k, now)
	return opens, held
}

// take gives the gate of a key an answer.
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

// open makes the gate of a key. It returns nil if there are too many keys at which
// calls wait.
func (g *Gates) open(name Key, k *keyed, now time.Time) *keyed {
	if k == nil {
		k = g.keys.add(name, now, g.drop)
	}
	if k != nil {
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

// admitted is told when it waits no longer, with the lock held.
type admitted interface {
	admit(now time.Time, verdict gate.Verdict)
}

// turn lets through those whose turn has come, and sets the timer for the next.
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
	case k.stop != nil && !k.at.After(next): // it fires early enough, and sets the next
		return
	}
	k.halt()
	k.timer++
	n := k.timer
	k.at = next
	k.stop = g.Clock.AfterFunc(max(next.Sub(now), 0), func() { g.fire(k, n) })
}

// fire is what the timer does.
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
