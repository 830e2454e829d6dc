package gate_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

var (
	worlds = flag.Int("worlds", 400, "how many random worlds")
	seed   = flag.Uint64("seed", 0, "the first seed; 0 for one of the clock")
)

// caller is a call in a random world.
type caller struct {
	waiter gate.Waiter
	number int  // in the order of arrival
	queued bool // Enter has said Wait
	out    int  // how often it was handed out, or left
	ticket gate.Ticket
	since  time.Time // in the queue
	entry  *entry    // of the last attempt
}

// owner drives a gate with random calls, answers and clocks, and looks whether
// the gate keeps its promises.
type owner struct {
	t       *testing.T
	rng     *rand.Rand
	c       policy.GateConfig
	g       *gate.Gate
	now     time.Time
	queue   []*caller // in the order of arrival
	flight  []*caller
	numbers int
	healthy bool // the server accepts everything
	passes  []time.Time
	state   gate.State
	opened  time.Time
	fastest float64 // pace since it opened
	closing time.Time
	asked   time.Time // the latest time that a refusal has named
	scout   *caller   // that is under way
	went    int       // calls that have gone through the gate since it closed
	sizes   bool      // requests have sizes
	ledger  ledger    // what calls took of the known limits
	bands   bool      // calls have priorities
	// Of each priority the last turn, as early and as late as it may be: calls whose own hint
	// lasts wait elsewhere, and count for one but not for the other.
	turns, owed [4]turn
}

// turn is the last call of a priority.
type turn struct {
	at     time.Time // or when somebody last began to wait
	others int       // calls since
}

func at(s float64) time.Time { return time.Unix(0, int64(s*1e9)) }

// TestGate_randomWorlds drives gates through random worlds: no call is lost or told
// twice; calls leave in the order in which they came, and only when there is a place;
// before a time that the server has named only scouts do, one at a time, none of which
// has made an attempt, and never a call that was refused itself; and a server that
// is well again is always found. In some worlds limits are known: then no call leaves for
// which a limit has no room.
func TestGate_randomWorlds(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for n := range *worlds {
		s := first + uint64(n)
		if !playWorld(t, s) {
			t.Fatalf("in the world of -seed %d", s)
		}
	}
}

func playWorld(t *testing.T, seed uint64) bool {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test has to be repeatable, not secret
	c := policy.GateConfig{Hints: rng.IntN(4) > 0, Probes: rng.IntN(3) > 0}
	if !c.Hints {
		c.Probes = true
	}
	var pulse gate.Channel
	now := at(1000)
	for range rng.IntN(30) {
		now = now.Add(time.Duration(rng.IntN(2000)) * time.Millisecond)
		pulse.Success(now)
	}
	var memory gate.Memory
	o := &owner{t: t, rng: rng, c: c.Effective(), g: gate.New(c, now, &pulse, &memory), now: now, sizes: rng.IntN(2) == 0, bands: rng.IntN(2) == 0}
	if rng.IntN(2) == 0 {
		o.ledger.limits = limits(rng)
		memory.Limit(now, o.ledger.limits)
	}
	for range 300 {
		o.step()
		if t.Failed() {
			return false
		}
	}
	o.healthy = true
	o.drain()
	return !t.Failed()
}

// step does one thing at random, after some time.
func (o *owner) step() {
	o.pass(time.Duration(o.rng.ExpFloat64() * float64(300*time.Millisecond)))
	switch o.rng.IntN(6) {
	case 0, 1, 2:
		o.arrive(&caller{})
	case 3, 4:
		o.answer()
	case 5:
		if len(o.queue) > 0 && o.rng.IntN(3) == 0 {
			o.leave(o.queue[o.rng.IntN(len(o.queue))])
		}
	}
	o.settle()
}

// pass lets time pass, with the timers of the gate, which may be late.
func (o *owner) pass(d time.Duration) {
	end := o.now.Add(d)
	for range 10000 {
		next := o.g.Next(o.now)
		if next.IsZero() || next.After(end) {
			if end.After(o.now) {
				o.now = end
			}
			return
		}
		if !next.After(o.now) {
			o.t.Errorf("Next says %v at %v, after Admit had no one: want later", next, o.now)
			return
		}
		o.now = next.Add(time.Duration(o.rng.IntN(3)) * time.Millisecond)
		o.settle()
	}
	o.t.Error("10,000 timers within a second or so")
}

func (o *owner) arrive(c *caller) {
	if c.number == 0 {
		o.numbers++
		c.number = o.numbers
		if o.rng.IntN(3) > 0 {
			c.waiter.Deadline = o.now.Add(time.Duration(o.rng.IntN(120_000)) * time.Millisecond)
		}
		c.waiter.Owner = c
		if o.sizes {
			c.waiter.Size = o.rng.IntN(1 << o.rng.IntN(20))
		}
		c.waiter.Priority = policy.NormalPriority
		if o.bands {
			c.waiter.Priority = []policy.Priority{policy.LowPriority, policy.NormalPriority, policy.HighPriority}[o.rng.IntN(3)]
		}
		c.waiter.Cost = policy.Cost{Tokens: o.rng.Int64N(1 << o.rng.IntN(8)), Items: o.rng.Int64N(4)}
	}
	o.look()
	switch o.g.Enter(o.now, &c.waiter) {
	case gate.Pass:
		o.through(c)
	case gate.Wait:
		c.queued, c.since, c.out = true, o.now, 0
		i := len(o.queue)
		for i > 0 && c.before(o.queue[i-1]) {
			i--
		}
		o.queue = append(o.queue[:i], append([]*caller{c}, o.queue[i:]...)...)
	case gate.Refuse:
		o.refused(c)
	}
}

// settle takes those whom the gate hands out.
func (o *owner) settle() {
	for {
		o.look()
		w, verdict := o.g.Admit(o.now)
		if w == nil {
			break
		}
		c := w.Owner.(*caller)
		c.out++
		if !c.queued || c.out > 1 {
			o.t.Errorf("call %d was handed out and was not waiting", c.number)
			return
		}
		if verdict == gate.Refuse {
			o.remove(c)
			o.refused(c)
			continue
		}
		if first := o.first(); o.state != gate.Closed && !o.sizes && !o.overdue(c) && !o.ledger.on() && first != c && !o.mayOvertake(c, first) && !o.hasTurn(c, &o.turns) {
			o.t.Errorf("call %d was let through before call %d", c.number, first.number)
		}
		for _, q := range o.queue {
			if o.state == gate.Open && !o.c.Probes && !o.sizes && !o.overdue(c) && !o.ledger.on() && o.hasTurn(q, &o.owed) && !o.hasTurn(c, &o.turns) {
				o.t.Errorf("call %d was let through before call %d, whose turn had come", c.number, q.number)
			}
		}
		o.remove(c)
		o.through(c)
	}
	if o.g.Waiting() != len(o.queue) {
		o.t.Errorf("%d calls wait, want %d: some are lost", o.g.Waiting(), len(o.queue))
	}
}

// first returns the first call in the queue that the server has not told to wait longer.
func (o *owner) first() *caller {
	for _, c := range o.queue {
		if !c.waiter.Due.After(o.now) {
			return c
		}
	}
	return nil
}

// mayOvertake reports whether a call may go before the first one: a probe needs more time than
// the first may have left, and after trouble a call never sent leaves at its last moment.
func (o *owner) mayOvertake(c, first *caller) bool {
	deadline, other := c.waiter.Deadline, first.waiter.Deadline
	if o.state == gate.Probing {
		return !other.IsZero() && (deadline.IsZero() || deadline.After(o.now))
	}
	return o.c.Probes && !deadline.IsZero() && !c.waiter.Again
}

// before reports whether a call stands before another in the queue.
func (c *caller) before(other *caller) bool {
	if c.waiter.Priority != other.waiter.Priority {
		return c.waiter.Priority > other.waiter.Priority
	}
	return c.number < other.number
}

// hasTurn reports whether a call may go before those of higher priorities: as the first of its
// own, after 10 s and 4 calls of others.
func (o *owner) hasTurn(c *caller, turns *[4]turn) bool {
	for _, q := range o.queue {
		if q.waiter.Priority == c.waiter.Priority && !q.waiter.Due.After(o.now) {
			turn := turns[c.waiter.Priority]
			return q == c && o.now.Sub(turn.at) >= 10*time.Second && turn.others >= 4
		}
	}
	return false
}

// overdue reports whether a call without deadline has waited for so long that it goes
// whatever holds.
func (o *owner) overdue(c *caller) bool {
	return c.waiter.Deadline.IsZero() && !c.since.IsZero() && o.now.Sub(c.since) >= o.c.MaxWait
}

// look notes the state before something happens.
func (o *owner) look() {
	for p := range o.turns {
		if !slices.ContainsFunc(o.queue, func(q *caller) bool { return int(q.waiter.Priority) == p && q.waiter.Due.Before(o.now) }) {
			o.owed[p] = turn{at: o.now}
		}
		if !slices.ContainsFunc(o.queue, func(q *caller) bool { return int(q.waiter.Priority) == p }) {
			o.turns[p] = turn{at: o.now}
		}
	}
	state := o.g.State(o.now)
	if state == gate.Open && o.state == gate.Closed && o.now.Before(o.asked) {
		if o.went == 0 {
			o.t.Errorf("it opened %v before the time that the server has named, and no call had gone through it", o.asked.Sub(o.now))
		}
		o.asked = time.Time{}
	}
	if state != gate.Closed {
		o.scout, o.went = nil, 0
	}
	if state == gate.Open && o.state != gate.Open {
		o.opened, o.passes, o.fastest = o.now, nil, 0
	}
	o.state = state
	o.fastest = max(o.fastest, o.g.Pace(o.now))
}

// through looks at a call that was let through.
func (o *owner) through(c *caller) {
	w := &c.waiter
	c.ticket = w.Ticket()
	scout := c.ticket.Scout()
	switch {
	case w.Due.After(o.now):
		o.t.Errorf("call %d went through %v before the time that it was told itself", c.number, w.Due.Sub(o.now))
	case scout && o.state != gate.Closed:
		o.t.Errorf("call %d is a scout through a gate that is %v", c.number, o.state)
	case scout && o.sizes: // it may be one of many small ones
	case scout && w.Again:
		o.t.Errorf("call %d is a scout and has made an attempt before", c.number)
	case scout && o.scout != nil:
		o.t.Errorf("call %d is a scout, and so is call %d, which is under way", c.number, o.scout.number)
	case scout || o.overdue(c):
	case o.state == gate.Closed && (w.Deadline.IsZero() || o.now.Before(o.asked)):
		o.t.Errorf("call %d went through a closed gate", c.number)
	case o.now.Before(o.asked):
		o.t.Errorf("call %d went through %v before the time that the server has named", c.number, o.asked.Sub(o.now))
	}
	if scout && !o.sizes {
		o.scout = c
	}
	var text string
	if c.entry, text = o.ledger.take(o.now, w.Cost); text != "" {
		o.t.Errorf("call %d went through %s", c.number, text)
	}
	if tokens := o.rng.Int64N(1 << o.rng.IntN(8)); o.rng.IntN(3) == 0 {
		c.ticket, _ = o.g.Used(c.ticket, policy.Cost{Tokens: tokens})
		o.ledger.correct(c.entry, tokens)
	}
	for p := range o.turns {
		o.turns[p].others++
		o.owed[p].others++
	}
	o.turns[w.Priority], o.owed[w.Priority] = turn{at: o.now}, turn{at: o.now}
	o.went++
	o.passes = append(o.passes, o.now)
	o.flight = append(o.flight, c)
}

// refused looks at a call that was refused.
func (o *owner) refused(c *caller) {
	if c.waiter.Deadline.IsZero() {
		o.t.Errorf("call %d was refused and has no deadline", c.number)
	}
}

func (o *owner) remove(c *caller) {
	c.queued = false
	for i, q := range o.queue {
		if q == c {
			o.queue = append(o.queue[:i], o.queue[i+1:]...)
			return
		}
	}
}

func (o *owner) leave(c *caller) {
	c.out++
	o.remove(c)
	o.g.Leave(&c.waiter)
}

// answer ends a call that is under way, at random, or forgets it.
func (o *owner) answer() {
	if len(o.flight) == 0 {
		return
	}
	i := o.rng.IntN(len(o.flight))
	c := o.flight[i]
	o.flight = append(o.flight[:i], o.flight[i+1:]...)
	f := o.failure()
	if f.Class == codes.NumClasses {
		return // no one will ever tell
	}
	o.done(c, f)
	c.waiter.Again, c.waiter.Due = true, time.Time{}
	if o.g.Holds(o.now, f) && f.Delay > 0 {
		c.waiter.Due = o.now.Add(f.Delay)
	}
	if (f.Class == codes.Quota || f.Class == codes.Server) && o.rng.IntN(2) == 0 {
		o.settle()
		o.arrive(c)
	}
}

func (o *owner) failure() codes.Failure {
	if o.healthy {
		return codes.Failure{}
	}
	switch o.rng.IntN(10) {
	case 0, 1, 2:
		return codes.Failure{}
	case 3, 4:
		return codes.Failure{Class: codes.Quota, Reach: codes.Answered, Delay: time.Duration(1 + o.rng.IntN(20_000_000_000)), Asked: true}
	case 5:
		return codes.Failure{Class: codes.Quota, Reach: codes.Answered}
	case 6, 7:
		return codes.Failure{Class: codes.Server, Reach: codes.Answered}
	case 8:
		return codes.Failure{Class: []codes.Class{codes.Timeout, codes.Network, codes.Request, codes.Ended}[o.rng.IntN(4)]}
	}
	return codes.Failure{Class: codes.NumClasses}
}

// done tells the gate, and looks at how long it closes.
func (o *owner) done(c *caller, f codes.Failure) {
	before, until, pace := o.g.State(o.now), o.g.Until(), o.g.Pace(o.now)
	o.look()
	o.g.Done(o.now, c.ticket, f, o.rng.Float64())
	if f.Class == codes.Quota || f.Reach == codes.Answered { // refused, or failed
		c.entry.took = [3]int64{}
	}
	state := o.g.State(o.now)
	if o.scout == c {
		o.scout = nil
	}
	if f.Class == codes.None && before == gate.Probing && state == gate.Open {
		o.asked = time.Time{} // the server itself has shown that it takes calls again
	}
	closed := state == gate.Closed && (before != gate.Closed || !until.Equal(o.g.Until()))
	if closed {
		if before != gate.Closed {
			o.closing, o.went = o.now, 0
			o.asked = time.Time{}
		}
		if asked := o.now.Add(f.Delay); asked.After(o.asked) {
			o.asked = asked
		}
		most := f.Delay + max(time.Duration(float64(f.Delay)*o.c.Spread), o.c.MinSpread) + o.c.ProbeMax
		if wait := o.g.Until().Sub(o.now); wait < f.Delay || wait > most {
			o.t.Errorf("it closed for %v after a hint of %v, want at most %v", wait, f.Delay, most)
		}
	}
	if !o.closing.IsZero() && c.ticket.Sent().Before(o.closing) && !closed {
		if state != before || !until.Equal(o.g.Until()) || (state == gate.Open && pace != o.g.Pace(o.now)) {
			o.t.Errorf("an answer to a call that was sent before it closed changed it from %v until %v to %v until %v",
				before, until, state, o.g.Until())
		}
	}
}

// drain has the server accept everything: all who wait get through, and the gate
// comes to rest.
func (o *owner) drain() {
	o.flight = nil // of those that were under way no one hears any more
	calls := len(o.queue)
	end := o.now.Add(o.c.MaxWait + time.Duration(calls+10)*(o.c.ProbeMax+o.ledger.longest()+100*time.Second))
	for len(o.queue) > 0 && o.now.Before(end) && !o.t.Failed() {
		o.pass(100 * time.Millisecond)
		for _, c := range o.flight {
			o.done(c, codes.Failure{})
		}
		o.flight = nil
		o.settle()
	}
	if len(o.queue) > 0 && !o.t.Failed() {
		o.t.Errorf("%d calls still wait for a server that has been well for %v: %v", len(o.queue), end, o.g.State(o.now))
		return
	}
	for range 1000 { // another call now and then
		o.pass(time.Second)
		o.arrive(&caller{})
		for _, c := range o.flight {
			o.done(c, codes.Failure{})
		}
		o.flight = nil
		o.settle()
		if o.ledger.on() {
			o.pass(2 * o.ledger.longest())
		}
		if o.g.AtRest(o.now) {
			return
		}
	}
	o.t.Errorf("the gate is not at rest after 1,000 calls that went well: %v, %d wait, pace %v", o.g.State(o.now), o.g.Waiting(), o.g.Pace(o.now))
}
