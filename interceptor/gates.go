package interceptor

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// gates are the gates of a Retrier: a key has one from a failure that concerns it
// until it is at rest. They have one lock, which no call takes while there is no gate.
type gates struct {
	// word is how many gates there are, above 32 bits of how many successes there
	// are to a sample: 0 if none is taken. Zero costs a call nothing but to look.
	word atomic.Uint64

	r   *Retrier
	off bool
	dry bool               // it holds nobody: see WithGateDryRun
	set *policy.GateConfig // by WithGate; nil for the one of the Config
	key GateKeyFunc        // nil for the default

	mu      sync.Mutex
	keys    keyring
	channel gate.Channel
	told    []notice   // to be told
	tell    sync.Mutex // held by whoever tells

	wouldHold, inVain int // see GateCounts
}

// perGate is what a gate counts for in the word.
const perGate = 1 << 32

// there reports whether there is a gate.
func (g *gates) there() bool { return g.word.Load() >= perGate }

// begin follows the configuration.
func (g *gates) begin() {
	g.sample(g.config())
	if !g.r.follows || g.off || g.set != nil {
		return
	}
	stop := g.r.live.OnStore(follower{weak.Make(g.r)}.follow)
	runtime.AddCleanup(g.r, func(stop func()) { stop() }, stop)
}

// follower follows the configuration for a Retrier, which a Live may outlive.
type follower struct{ of weak.Pointer[Retrier] }

func (f follower) follow() {
	if r := f.of.Value(); r != nil {
		r.gates.configure()
	}
}

// sample says how many successes there are to a sample, to begin with. Without
// evidence a call that is well has nothing to count with, and the gate that closes
// for hints alone makes do with the calls that it sees itself.
func (g *gates) sample(c *policy.GateConfig) {
	every := g.word.Load() % perGate
	switch on := (c.Probes || (c.Hints && g.r.evidence)) && !g.off; {
	case on && every == 0:
		g.word.Add(1)
	case !on && every > 0:
		g.word.Add(-every)
	}
}

// configure puts the figures in force that the configuration now has.
func (g *gates) configure() {
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.r.clock.Now()
	c := g.config()
	g.sample(c)
	for k := range g.keys.gated() {
		k.Set(now, *c)
		g.turn(k, now)
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
	g.sampled()
}

// sampled counts a success that is a sample.
func (g *gates) sampled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	every := g.word.Load() % perGate // changed with the lock only
	if every == 0 {
		return
	}
	g.channel.Success(g.r.clock.Now())
	g.word.Add(uint64(g.channel.Every()) - every) //nolint:gosec // it is not negative
}

// answered is what a gate makes of an answer.
type answered struct {
	held bool          // what follows has to wait for the gate alone,
	till time.Duration // until it opens
}

// done tells the gate of a key how a call ended that had a ticket.
func (g *gates) done(key func() gateKey, t func() gate.Ticket, f codes.Failure, err error) (a answered) {
	concerns := gate.Concerns(g.config(), f)
	if g.off || (!concerns && !g.there()) {
		return a
	}
	name, ticket, u := key(), t(), g.r.rand()
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.r.clock.Now() // with the lock, so that it never goes back
	k := g.keys.find(name)
	if k == nil || k.Gate == nil {
		if !concerns {
			return a
		}
		if k = g.open(name, k, now); k == nil {
			return a
		}
	}
	if g.dry {
		k.heard(now, f)
	}
	g.take(k, now, ticket, f, err, u)
	if k.Holds(now, f) {
		a = answered{held: true, till: max(k.Until().Sub(now), 0)}
	}
	g.turn(k, now)
	return a
}

// take gives the gate of a key an answer.
func (g *gates) take(k *keyed, now time.Time, t gate.Ticket, f codes.Failure, err error, u float64) {
	concerns := gate.Concerns(g.config(), f)
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
func (g *gates) open(name gateKey, k *keyed, now time.Time) *keyed {
	if k == nil {
		k = g.keys.add(name, now, g.drop)
	}
	if k != nil {
		k.Gate = gate.New(*g.config(), now, &g.channel, &k.memory)
		k.state = gate.Open
		g.word.Add(perGate)
	}
	return k
}

// drop drops the gate of a key.
func (g *gates) drop(k *keyed) {
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
func (g *gates) turn(k *keyed, now time.Time) {
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
	k.stop = g.r.clock.AfterFunc(max(next.Sub(now), 0), func() { g.fire(k, n) })
}

// fire is what the timer does.
func (g *gates) fire(k *keyed, n int) {
	defer g.announce()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.r.clock.Now()
	if n == k.timer && k.Gate != nil {
		k.stop = nil
		g.turn(k, now)
	}
}
