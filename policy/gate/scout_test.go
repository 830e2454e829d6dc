package gate_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// player plays the calls of a key against a gate.
type player struct {
	t      *testing.T
	now    time.Time
	ch     gate.Channel
	memory gate.Memory
	g      *gate.Gate
	dice   float64
}

// quietPlayer returns a player whose channel has had no call yet.
func quietPlayer(t *testing.T) *player {
	t.Helper()
	p := &player{t: t, now: at(1000), dice: 0.5}
	p.g = gate.New(policy.DefaultGate(), p.now, &p.ch, &p.memory)
	return p
}

// busyPlayer returns a player on whose channel 10 calls a second have succeeded.
func busyPlayer(t *testing.T) *player {
	t.Helper()
	p := &player{t: t, now: at(1000), dice: 0.5}
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a test has to be repeatable, not secret
	for n := 600; n > 0; n-- {
		if rng.IntN(p.ch.Every()) == 0 {
			p.ch.Success(p.now.Add(-time.Duration(n) * 100 * time.Millisecond))
		}
	}
	p.g = gate.New(policy.DefaultGate(), p.now, &p.ch, &p.memory)
	return p
}

// come has a call come and wait or go.
func (p *player) come(w *gate.Waiter) *gate.Waiter {
	p.t.Helper()
	if got := p.g.Enter(p.now, w); got == gate.Refuse {
		p.t.Fatalf("a call was refused, %v before its deadline", w.Deadline.Sub(p.now))
	}
	return w
}

// went reports whether a call has gone through just now.
func (p *player) went(w *gate.Waiter) bool { return w.Ticket().Sent().Equal(p.now) }

// refused ends a call with a refusal, and brings it back.
func (p *player) refused(w *gate.Waiter, hint time.Duration) {
	p.t.Helper()
	p.g.Done(p.now, w.Ticket(), refusal(hint), p.dice)
	w.Again, w.Due = true, time.Time{}
	if p.g.Holds(p.now, refusal(hint)) {
		w.Due = p.now.Add(hint)
		p.come(w)
	}
}

// accepted ends a call with success.
func (p *player) accepted(w *gate.Waiter) { p.g.Done(p.now, w.Ticket(), codes.Failure{}, p.dice) }

// next lets time pass until a call leaves, and returns it.
func (p *player) next() *gate.Waiter {
	p.t.Helper()
	for range 1000 {
		if w, verdict := p.g.Admit(p.now); w != nil {
			if verdict != gate.Pass {
				p.t.Fatalf("a call was refused after %v", p.now.Sub(at(1000)))
			}
			return w
		}
		next := p.g.Next(p.now)
		if !next.After(p.now) {
			p.t.Fatalf("no call leaves after %v", p.now.Sub(at(1000)))
		}
		p.now = next
	}
	p.t.Fatal("no call leaves")
	return nil
}

// since returns how long after its beginning the world is.
func (p *player) since() time.Duration { return p.now.Sub(at(1000)) }

// TestScout_opens: the first scout goes after a second and opens the gate; those that
// wait leave, and the call that was refused waits out its own hint.
func TestScout_opens(t *testing.T) {
	p := quietPlayer(t)
	first := &gate.Waiter{}
	p.refused(first, 38*time.Second)
	second, third := p.come(&gate.Waiter{}), p.come(&gate.Waiter{})
	scout := p.next()
	if scout != second || !scout.Ticket().Scout() || p.since() != time.Second {
		t.Fatalf("a call went after %v, scout %v: want the second, as a scout, after 1s", p.since(), scout.Ticket().Scout())
	}
	p.accepted(scout)
	if got := p.g.State(p.now); got != gate.Open {
		t.Fatalf("it is %v after a scout was accepted, want open", got)
	}
	if w := p.next(); w != third || p.since() > 3*time.Second {
		t.Errorf("the third call went after %v, want soon", p.since())
	}
	if w := p.next(); w != first || p.since() != 38*time.Second {
		t.Errorf("the first call went after %v, want 38s: its own hint", p.since())
	}
}

// TestScout_interval: it doubles with each scout that is refused, up to 32 s, across
// closings, and begins anew when one is accepted before its time.
func TestScout_interval(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, 4*time.Minute)
	var got []time.Duration
	last := p.now
	for range 8 {
		p.come(&gate.Waiter{Deadline: p.now.Add(time.Hour)})
		p.come(&gate.Waiter{Deadline: p.now.Add(time.Hour)})
		p.come(&gate.Waiter{Deadline: p.now.Add(time.Hour)})
		scout := p.next()
		if !scout.Ticket().Scout() {
			break
		}
		got = append(got, p.now.Sub(last))
		last = p.now
		left := 4*time.Minute - p.since()
		p.refused(scout, left) // the truth
	}
	want := []time.Duration{1, 1, 2, 4, 8, 16, 32, 32}
	for i := range want {
		if i >= len(got) || got[i] != want[i]*time.Second {
			t.Fatalf("scouts went after %v, want after %v seconds", got, want)
		}
	}
	// Another closing goes on where this one has stopped.
	q := &player{t: t, now: p.now, dice: 0.5, memory: p.memory}
	q.g = gate.New(policy.DefaultGate(), q.now, &q.ch, &q.memory)
	begin := q.now
	q.refused(&gate.Waiter{}, 4*time.Minute)
	q.come(&gate.Waiter{})
	q.come(&gate.Waiter{})
	scout := q.next()
	if took := q.now.Sub(begin); !scout.Ticket().Scout() || took != 32*time.Second {
		t.Errorf("the first scout of another closing went after %v, want 32s", took)
	}
	q.accepted(scout)
	begin = q.now
	for range 5 { // in doubt, several refusals close it
		q.refused(q.come(&gate.Waiter{}), time.Minute)
		q.now = q.now.Add(time.Millisecond)
	}
	for range 4 {
		q.come(&gate.Waiter{})
	}
	for q.next(); q.g.State(q.now) == gate.Closed; {
		break
	}
	if took := q.now.Sub(begin); took > 2*time.Second {
		t.Errorf("after one was accepted a scout went after %v, want 1s", took)
	}
}

// TestScout_refused: the closing lasts to the later of the two times, unless the hint
// is always the same, and its spread takes no step.
func TestScout_refused(t *testing.T) {
	for _, c := range []struct {
		name  string
		hint  time.Duration
		least time.Duration // from the beginning
		most  time.Duration
	}{
		{"a later time", 30 * time.Second, 31 * time.Second, 39 * time.Second},
		{"an earlier one", 5 * time.Second, 20 * time.Second, 25 * time.Second},
		{"the same hint again", 20 * time.Second, 20 * time.Second, 25 * time.Second},
	} {
		p := quietPlayer(t)
		p.refused(&gate.Waiter{}, 20*time.Second)
		p.come(&gate.Waiter{})
		p.come(&gate.Waiter{})
		scout := p.next()
		p.refused(scout, c.hint)
		if got := p.g.Until().Sub(at(1000)); got < c.least || got > c.most {
			t.Errorf("%s: it is closed until %v, want %v to %v", c.name, got, c.least, c.most)
		}
	}
}

// TestScout_isFresh: a call that has made an attempt is no scout, and neither is one
// while another is under way.
func TestScout_isFresh(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, time.Minute)
	p.come(&gate.Waiter{Again: true})
	p.come(&gate.Waiter{Again: true})
	fresh, other := p.come(&gate.Waiter{}), p.come(&gate.Waiter{})
	if got := p.next(); got != fresh || !got.Ticket().Scout() {
		t.Fatal("the scout is not the oldest call without an attempt")
	}
	p.now = p.now.Add(100 * time.Millisecond)
	if w, _ := p.g.Admit(p.now); w != nil {
		t.Error("a call went while the scout was under way")
	}
	p.refused(fresh, time.Minute)
	if got := p.next(); got != other {
		t.Error("the next scout is not the next call: the first has made an attempt")
	}
}

// TestScout_saves: a call that would be turned away waits for the answer of the next
// scout, and is told when that was refused.
func TestScout_saves(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, time.Minute)
	scout := p.come(&gate.Waiter{Deadline: p.now.Add(5 * time.Second)})
	waiting := p.come(&gate.Waiter{Deadline: p.now.Add(2500 * time.Millisecond)})
	if got := p.next(); got != scout {
		t.Fatal("the first call is no scout")
	}
	p.now = p.now.Add(20 * time.Millisecond)
	p.g.Done(p.now, scout.Ticket(), refusal(time.Minute), p.dice)
	if _, verdict := p.g.Admit(p.now); verdict != gate.Wait { // 2.02 s is the next scout's answer
		t.Fatalf("got %v, want the call to wait for the next scout's answer", verdict)
	}
	next := p.next()
	if next != waiting || !next.Ticket().Scout() {
		t.Fatal("the call that waits is not the next scout")
	}
	late := p.come(&gate.Waiter{Deadline: p.now.Add(1900 * time.Millisecond)})
	p.now = p.now.Add(20 * time.Millisecond)
	p.g.Done(p.now, next.Ticket(), refusal(time.Minute), p.dice)
	if w, verdict := p.g.Admit(p.now); w != late || verdict != gate.Refuse { // the next goes after 2 s, and is answered after 2.25
		t.Errorf("got %v, want the call refused that nothing can save", verdict)
	}
}

// TestScout_itself: a call that has no time to wait for the answer of a scout is the
// scout itself, if it is the oldest that has made no attempt.
func TestScout_itself(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, time.Minute)
	p.now = p.now.Add(450 * time.Millisecond) // half of the time after which another one would go
	scout := p.come(&gate.Waiter{Deadline: p.now.Add(600 * time.Millisecond)})
	other := &gate.Waiter{Deadline: p.now.Add(600 * time.Millisecond)}
	if got := p.g.Enter(p.now, other); got != gate.Refuse {
		t.Errorf("got %v, want the call refused that can be no scout", got)
	}
	if got := p.next(); got != scout || !got.Ticket().Scout() {
		t.Fatal("the call with little time is no scout")
	}
	p.now = p.now.Add(20 * time.Millisecond)
	p.g.Done(p.now, scout.Ticket(), codes.Failure{}, p.dice)
	if got := p.g.State(p.now); got != gate.Open {
		t.Errorf("it is %v after the scout was accepted, want open", got)
	}
}

// TestScout_slowAnswers: a scout that is not refused for long counts as accepted; if it
// is refused after all, the gate closes again.
func TestScout_slowAnswers(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, time.Minute)
	scout := p.come(&gate.Waiter{})
	other := p.come(&gate.Waiter{})
	p.next()
	if got := p.next(); got != other || p.since() < 2*time.Second || p.since() > 3*time.Second {
		t.Fatalf("the other call went after %v, want when the scout was not refused for a second", p.since())
	}
	if p.g.State(p.now) != gate.Open || p.g.Doubted(p.now).IsZero() {
		t.Fatal("the gate is not open, or its hints are not in doubt")
	}
	p.refused(scout, time.Minute)
	if p.g.State(p.now) != gate.Closed || !p.g.Doubted(p.now).IsZero() {
		t.Errorf("it is %v after the scout was refused late, in doubt until %v: want closed, and no doubt", p.g.State(p.now), p.g.Doubted(p.now))
	}
}

// TestScout_isReplaced: a scout whose caller has gone is replaced.
func TestScout_isReplaced(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, time.Minute)
	scout := p.come(&gate.Waiter{})
	other := p.come(&gate.Waiter{})
	p.come(&gate.Waiter{})
	p.next()
	p.g.Done(p.now, scout.Ticket(), codes.Failure{Class: codes.Ended}, p.dice) // it was never sent
	if got := p.next(); got != other || p.since() != time.Second {
		t.Errorf("the next scout went after %v, want at once", p.since())
	}
}

// TestScout_quietChannels: on a channel with two calls a minute calls do not scout
// that merely wait, but those that would be turned away.
func TestScout_quietChannels(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, 40*time.Second)
	p.come(&gate.Waiter{Deadline: p.now.Add(10 * time.Minute)})
	if got := p.next(); got.Ticket().Scout() {
		t.Errorf("a call that merely waits scouts after %v", p.since())
	}
	p = quietPlayer(t)
	p.refused(&gate.Waiter{}, 40*time.Second)
	p.come(&gate.Waiter{Deadline: p.now.Add(10 * time.Second)})
	if got := p.next(); !got.Ticket().Scout() || p.since() != time.Second {
		t.Errorf("a call that would be turned away goes after %v, want as a scout after 1s", p.since())
	}
}

// TestScout_manyKeys: the gates of a channel send 10 scouts at once, and then 10 in a
// second.
func TestScout_manyKeys(t *testing.T) {
	var ch gate.Channel
	now := at(1000)
	var gates []*gate.Gate
	for range 100 {
		g := gate.New(policy.DefaultGate(), now, &ch, &gate.Memory{})
		g.Done(now, gate.Ticket{}, refusal(4*time.Minute), 0.5)
		g.Enter(now, &gate.Waiter{Deadline: now.Add(time.Minute)})
		gates = append(gates, g)
	}
	sent := func() (n int) {
		for _, g := range gates {
			for w, _ := g.Admit(now); w != nil; w, _ = g.Admit(now) {
				n++
				g.Done(now, w.Ticket(), codes.Failure{Class: codes.Ended}, 0.5)
			}
		}
		return n
	}
	now = now.Add(time.Second)
	if got := sent(); got != 10 {
		t.Errorf("%d scouts went at once, want 10", got)
	}
	now = now.Add(time.Second)
	if got := sent(); got != 10 {
		t.Errorf("%d scouts went a second later, want 10", got)
	}
}

// TestDoubt: after a scout was accepted early, one refusal and another do not close the
// gate, several in a row do; after five minutes one does; and doubt outlives the gate.
func TestDoubt(t *testing.T) {
	doubted := func() *player {
		p := quietPlayer(t)
		p.refused(&gate.Waiter{}, time.Minute)
		p.come(&gate.Waiter{})
		p.come(&gate.Waiter{})
		p.accepted(p.next())
		for p.g.Waiting() > 1 {
			p.accepted(p.next())
		}
		p.now = p.now.Add(10 * time.Second) // nobody comes: too quiet for numbers to speak
		return p
	}
	p := doubted()
	for n := 1; n <= 5; n++ {
		p.g.Done(p.now, p.come(&gate.Waiter{}).Ticket(), refusal(time.Second), p.dice)
		if got := p.g.State(p.now); (n <= 2 && got == gate.Closed) || (n == 5 && got == gate.Open) {
			t.Errorf("it is %v after %d refusals in a row", got, n)
		}
		p.now = p.now.Add(time.Millisecond)
	}
	p = doubted()
	for range 4 {
		p.g.Done(p.now, p.come(&gate.Waiter{}).Ticket(), refusal(time.Second), p.dice)
		p.now = p.now.Add(time.Millisecond)
		p.accepted(p.come(&gate.Waiter{}))
		p.now = p.now.Add(time.Millisecond)
	}
	if got := p.g.State(p.now); got != gate.Open {
		t.Errorf("it is %v after refusals with successes between, want open", got)
	}
	p = doubted()
	if p.memory.Stale(p.now) {
		t.Error("the memory is stale while hints are in doubt")
	}
	p.g = gate.New(policy.DefaultGate(), p.now, &p.ch, &p.memory)
	p.g.Done(p.now, gate.Ticket{}, refusal(time.Minute), p.dice)
	if got := p.g.State(p.now); got != gate.Open {
		t.Errorf("another gate of the key is %v after one refusal, want open: its hints are in doubt", got)
	}
	p.now = p.now.Add(5 * time.Minute)
	p.g = gate.New(policy.DefaultGate(), p.now, &p.ch, &p.memory)
	p.g.Done(p.now, gate.Ticket{}, refusal(time.Minute), p.dice)
	if got := p.g.State(p.now); got != gate.Closed {
		t.Errorf("it is %v after one refusal five minutes later, want closed", got)
	}
}

// TestChance: on a busy channel one refusal among many calls closes nothing, two in a
// row do; where calls are refused at random, the gate seldom closes.
func TestChance(t *testing.T) {
	p := busyPlayer(t)
	p.g.Done(p.now, gate.Ticket{}, refusal(time.Minute), p.dice)
	if got := p.g.State(p.now); got != gate.Open {
		t.Fatalf("it is %v after one refusal among 600 calls, want open", got)
	}
	p.now = p.now.Add(time.Millisecond)
	w := p.come(&gate.Waiter{})
	p.now = p.now.Add(20 * time.Millisecond)
	p.g.Done(p.now, w.Ticket(), refusal(time.Minute), p.dice)
	if got := p.g.State(p.now); got != gate.Closed {
		t.Fatalf("it is %v after a second refusal in a row, want closed", got)
	}

	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test has to be repeatable, not secret
	for _, c := range []struct {
		share float64
		hint  time.Duration
	}{{0.02, time.Second}, {0.05, time.Second}, {0.2, 10 * time.Second}, {0.5, 10 * time.Second}, {0.5, 100 * time.Millisecond}} {
		p, closings := busyPlayer(t), 0
		for range 3000 {
			p.now = p.now.Add(100 * time.Millisecond)
			w := p.come(&gate.Waiter{})
			if !p.went(w) { // it waits
				w = p.next()
			}
			p.now = p.now.Add(20 * time.Millisecond)
			before := p.g.State(p.now)
			if rng.Float64() < c.share {
				p.g.Done(p.now, w.Ticket(), refusal(c.hint), p.dice)
			} else {
				p.accepted(w)
			}
			if before == gate.Open && p.g.State(p.now) == gate.Closed {
				closings++
			}
		}
		if closings > 12 {
			t.Errorf("where %v of the calls are refused at random, with a hint of %v, the gate closed %d times in 3000, want at most 12", c.share, c.hint, closings)
		}
	}
}

// TestChance_ofMany: the more calls a hint would hold, the less a gate closes by
// chance; where it would hold few, three refusals in a row tell.
func TestChance_ofMany(t *testing.T) {
	for hint, want := range map[time.Duration]int{time.Second: 3, 4 * time.Second: 5, time.Minute: 8} { // of 10 calls a second
		p := busyPlayer(t)
		closed := 0
		for n := range 720 { // half of them are refused, and then all
			p.now = p.now.Add(100 * time.Millisecond)
			w := p.come(&gate.Waiter{})
			if !p.went(w) {
				break
			}
			p.now = p.now.Add(20 * time.Millisecond)
			if n < 700 && n%2 == 0 {
				p.accepted(w)
				continue
			}
			p.g.Done(p.now, w.Ticket(), refusal(hint), p.dice)
			if n >= 700 {
				closed = n - 698 // with the one before
			}
		}
		if p.g.State(p.now) != gate.Closed || closed != want {
			t.Errorf("with a hint of %v it is %v after %d refusals in a row, want closed after %d", hint, p.g.State(p.now), closed, want)
		}
	}
}

// TestChance_burst: calls that were under way at the first refusal are one cause.
func TestChance_burst(t *testing.T) {
	p := busyPlayer(t)
	calls := make([]gate.Waiter, 50)
	for i := range calls {
		p.come(&calls[i])
	}
	p.now = p.now.Add(20 * time.Millisecond)
	for i := range calls[:3] {
		p.g.Done(p.now, calls[i].Ticket(), refusal(time.Minute), p.dice)
		p.now = p.now.Add(time.Millisecond)
	}
	if got := p.g.State(p.now); got != gate.Open {
		t.Errorf("it is %v after some of 50 calls at once were refused, want open", got)
	}
}

// TestSize: a small call passes a gate that has closed because of a large one; when it
// is accepted the others follow; when two are refused size matters no longer.
func TestSize(t *testing.T) {
	closed := func() *player {
		p := quietPlayer(t)
		p.g.Done(p.now, gate.Ungated(20_000, false), refusal(time.Minute), p.dice)
		return p
	}
	passed := func(p *player, w *gate.Waiter) bool { return p.went(p.come(w)) }

	p := closed()
	large, unknown := p.come(&gate.Waiter{Size: 12_000}), p.come(&gate.Waiter{})
	small, other := &gate.Waiter{Size: 9_000}, &gate.Waiter{Size: 500}
	if !passed(p, small) || !small.Ticket().Scout() {
		t.Fatal("a small call waits")
	}
	if passed(p, other) {
		t.Fatal("another small call went before the first was answered")
	}
	p.now = p.now.Add(100 * time.Millisecond)
	p.accepted(small)
	if got := p.g.State(p.now); got != gate.Closed {
		t.Fatalf("it is %v after a small call was accepted, want closed for the large ones", got)
	}
	if w, verdict := p.g.Admit(p.now); w != other || verdict != gate.Pass {
		t.Fatal("the other small call does not follow")
	}
	if !passed(p, &gate.Waiter{Size: 100}) {
		t.Error("a third small call waits")
	}
	if p.went(large) || p.went(unknown) {
		t.Error("a call passed that is large, or of which that is not known")
	}

	p = closed()
	for _, size := range []int{9_000, 4_000} {
		w := &gate.Waiter{Size: size}
		if !passed(p, w) {
			t.Fatalf("a call of %d bytes waits", size)
		}
		p.refused(w, time.Minute)
	}
	if passed(p, &gate.Waiter{Size: 1}) {
		t.Error("a small call passes after two were refused")
	}
	p.g = gate.New(policy.DefaultGate(), p.now, &p.ch, &p.memory)
	p.g.Done(p.now, gate.Ungated(20_000, false), refusal(time.Minute), p.dice)
	if passed(p, &gate.Waiter{Size: 1}) {
		t.Error("a small call passes another gate though size is known not to matter")
	}

	p = quietPlayer(t)
	p.g.Done(p.now, gate.Ungated(300, false), refusal(time.Minute), p.dice)
	if passed(p, &gate.Waiter{Size: 1}) {
		t.Error("a small call passes though the refused one was small too")
	}
}

// TestPace_onlyFromASample: with fewer than 16 accepted calls a call that finds no
// queue goes at once; with more they are spaced.
func TestPace_onlyFromASample(t *testing.T) {
	for _, c := range []struct {
		accepted int
		spaced   bool
	}{{5, false}, {60, true}} {
		p := quietPlayer(t)
		through := func() *gate.Waiter {
			if w := p.come(&gate.Waiter{}); p.went(w) {
				return w
			}
			return p.next()
		}
		for range 3 { // the first reopening begins a cycle, the second ends it
			for range 5 {
				w := through()
				p.now = p.now.Add(20 * time.Millisecond)
				p.g.Done(p.now, w.Ticket(), refusal(4*time.Second), 0)
				if p.g.State(p.now) == gate.Closed {
					break
				}
			}
			p.now = p.g.Until()
			for range c.accepted {
				w := through()
				p.now = p.now.Add(10 * time.Millisecond)
				p.accepted(w)
			}
		}
		waits := 0
		for range 5 {
			w := p.come(&gate.Waiter{})
			if !p.went(w) {
				waits++
				w = p.next()
			}
			p.accepted(w)
		}
		if (waits > 0) != c.spaced {
			t.Errorf("after %d accepted calls in a cycle %d of 5 wait, want some: %v", c.accepted, waits, c.spaced)
		}
	}
}

// TestGate_minuteRuleOpens: a call that passes the closed gate after a minute and
// succeeds opens it.
func TestGate_minuteRuleOpens(t *testing.T) {
	p := quietPlayer(t)
	p.refused(&gate.Waiter{}, 4*time.Minute)
	w := p.come(&gate.Waiter{Again: true}) // no scout
	if got := p.next(); got != w || p.since() != time.Minute {
		t.Fatalf("it went after %v, want 1m", p.since())
	}
	p.accepted(w)
	if got := p.g.State(p.now); got != gate.Open {
		t.Errorf("it is %v, want open", got)
	}
}

// TestGate_spreadTurnsNoOneAway: a call whose deadline lies after the time that the
// server has named leaves in time, though the gate opens later.
func TestGate_spreadTurnsNoOneAway(t *testing.T) {
	p := quietPlayer(t)
	p.dice = math.Nextafter(1, 0)
	p.refused(&gate.Waiter{}, time.Second)
	p.now = p.g.Until()
	again := p.next()
	p.refused(again, time.Second) // closed for up to 15 s more
	if got := p.g.Until().Sub(p.now); got < 10*time.Second {
		t.Fatalf("it is closed for %v, want long", got)
	}
	w := p.come(&gate.Waiter{Again: true, Deadline: p.now.Add(5 * time.Second)}) // no scout
	begin := p.now
	if got := p.next(); got != w || p.now.Sub(begin) < time.Second || p.now.Sub(begin) > 3*time.Second {
		t.Errorf("it went after %v, want after the second that was asked and before its deadline", p.now.Sub(begin))
	}
}

// TestGate_Set: a gate that is switched off lets everyone go but those whom the server
// has told when to come back.
func TestGate_Set(t *testing.T) {
	p := quietPlayer(t)
	first := &gate.Waiter{}
	p.refused(first, 10*time.Second)
	second := p.come(&gate.Waiter{})
	p.g.Set(p.now, policy.GateConfig{Hints: true, Spread: 2}) // other figures
	if got := p.g.State(p.now); got != gate.Closed {
		t.Fatalf("it is %v after other figures, want closed", got)
	}
	p.g.Set(p.now, policy.GateConfig{})
	if w := p.next(); w != second || p.since() != 0 {
		t.Errorf("the second call went after %v, want at once", p.since())
	}
	if w := p.next(); w != first || p.since() != 10*time.Second {
		t.Errorf("the first call went after %v, want its own 10s", p.since())
	}
}

// TestPace_ofWhatWasAccepted: of many calls at once that were refused, none counts as
// accepted in the minute before.
func TestPace_ofWhatWasAccepted(t *testing.T) {
	p := quietPlayer(t)
	all := make([]*gate.Waiter, 600)
	for i := range all {
		all[i] = p.come(&gate.Waiter{})
	}
	p.now = p.now.Add(100 * time.Millisecond)
	for i, w := range all {
		f := codes.Failure{}
		if i >= 60 {
			f = refusal(20 * time.Second)
		}
		p.g.Done(p.now, w.Ticket(), f, p.dice)
	}
	for n := 0; p.g.State(p.now) == gate.Open; n++ {
		if n == 20 {
			t.Fatal("it is open after 20 refusals in a row")
		}
		p.now = p.now.Add(100 * time.Millisecond)
		w := p.come(&gate.Waiter{})
		p.now = p.now.Add(10 * time.Millisecond)
		p.refused(w, 20*time.Second)
	}
	p.come(&gate.Waiter{Again: true}) // its caller waits for it, and brings no others
	p.now = p.g.Until()
	p.g.Admit(p.now)
	if got := p.g.Pace(p.now); got < 1.05 || got > 1.15 {
		t.Errorf("%.2f calls leave in a second, want 1.1 for the 60 that were accepted in a minute", got)
	}
}

// TestSize_anAnswerThatComesLate: a small call that has passed shortly before the gate
// opens, and is answered after that or never, keeps no gate for ever.
func TestSize_anAnswerThatComesLate(t *testing.T) {
	for before := time.Duration(0); before < 3*time.Second; before += 50 * time.Millisecond {
		for _, answered := range []bool{true, false} {
			p := quietPlayer(t)
			large := p.come(&gate.Waiter{Size: 20_000})
			p.refused(large, 3*time.Second)
			p.now = p.g.Until().Add(-before)
			small := p.come(&gate.Waiter{Size: 500})
			if p.next() != large {
				t.Fatal("another call leaves than the one that was refused")
			}
			p.accepted(large)
			p.now = p.now.Add(2 * time.Second)
			if answered && p.g.State(p.now) == gate.Open {
				p.accepted(small)
			}
			for !p.g.AtRest(p.now) {
				for w := small; w != nil; { // which may have waited
					w, _ = p.g.Admit(p.now)
				}
				next := p.g.Next(p.now)
				if !next.After(p.now) || p.since() > 10*time.Minute {
					t.Fatalf("%v before, answered %v: after %v it is %v, not at rest, and %v is next", before, answered, p.since(), p.g.State(p.now), next)
				}
				p.now = next
			}
		}
	}
}
