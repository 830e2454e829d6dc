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

// refusal is one by a quota, with a hint or without one.
func refusal(hint time.Duration) codes.Failure {
	return codes.Failure{Class: codes.Quota, Reach: codes.Answered, Delay: hint, Asked: hint > 0}
}

// overload is a failure of the server.
func overload() codes.Failure { return codes.Failure{Class: codes.Server, Reach: codes.Answered} }

// well is the pulse of a channel on which a call a second has succeeded.
func well(now time.Time) *gate.Channel {
	var p gate.Channel
	for n := 30; n > 0; n-- {
		p.Success(now.Add(-time.Duration(n) * time.Second))
	}
	return &p
}

// closedFor returns a gate that has just closed for a hint of d, without jitter.
func closedFor(d time.Duration, now time.Time) *gate.Gate {
	g := gate.New(policy.DefaultGate(), now, &gate.Channel{}, &gate.Memory{})
	g.Done(now, gate.Ticket{}, refusal(d), 0)
	return g
}

// admitted takes all who need not wait any longer, and returns how many were let
// through.
func admitted(g *gate.Gate, now time.Time) (passed int) {
	for {
		w, verdict := g.Admit(now)
		switch {
		case w == nil:
			return passed
		case verdict == gate.Pass:
			passed++
		}
	}
}

// TestGate_closesForTheHint: a refusal closes it for the hint and up to a quarter
// more; nobody goes through before, and the first one does then.
func TestGate_closesForTheHint(t *testing.T) {
	for _, u := range []float64{0, 0.5, 0.999} {
		now := at(0)
		g := gate.New(policy.DefaultGate(), now, &gate.Channel{}, &gate.Memory{})
		g.Done(now, gate.Ticket{}, refusal(20*time.Second), u)
		var w gate.Waiter
		if got := g.Enter(now, &w); got != gate.Wait {
			t.Fatalf("got %v, want wait", got)
		}
		opens := now.Add(20*time.Second + time.Duration(u*float64(5*time.Second)))
		if got := g.Next(now); !got.Equal(opens) {
			t.Errorf("with the dice at %v it opens after %v, want %v", u, got.Sub(now), opens.Sub(now))
		}
		if passed := admitted(g, opens.Add(-1)); passed != 0 {
			t.Error("a call went through before the gate was open")
		}
		if passed := admitted(g, opens); passed != 1 {
			t.Error("the first call did not go through when the gate opened")
		}
	}
}

// TestGate_refusedAgain: those who have waited out a hint and are refused again
// wait up to 15 s longer, and then up to 30 s; a success ends that.
func TestGate_refusedAgain(t *testing.T) {
	now := at(0)
	g := closedFor(time.Second, now)
	for _, most := range []time.Duration{15, 30, 30} {
		now = g.Until()
		var w gate.Waiter
		if got := g.Enter(now, &w); got != gate.Pass {
			t.Fatalf("got %v, want pass", got)
		}
		now = now.Add(time.Millisecond)
		g.Done(now, w.Ticket(), refusal(time.Second), math.Nextafter(1, 0))
		want := time.Second + most*time.Second + 250*time.Millisecond
		if got := g.Until().Sub(now); got < want-time.Microsecond || got > want {
			t.Errorf("it closed for %v, want %v", got, want)
		}
	}
	now = g.Until()
	var w gate.Waiter
	g.Enter(now, &w)
	g.Done(now.Add(time.Second), w.Ticket(), codes.Failure{}, 0)
	now = now.Add(time.Minute)
	var next gate.Waiter
	g.Enter(now, &next)
	g.Done(now.Add(1), next.Ticket(), refusal(time.Second), math.Nextafter(1, 0))
	if got := g.Until().Sub(now.Add(1)); got > 1250*time.Millisecond {
		t.Errorf("after a success it closed for %v, want 1.25s", got)
	}
}

// TestGate_herdIsBounded: whatever waits, no more than the pace leaves.
func TestGate_herdIsBounded(t *testing.T) {
	now := at(0)
	g := closedFor(10*time.Second, now)
	waiters := make([]gate.Waiter, 1000)
	for i := range waiters {
		if i%4 == 0 {
			waiters[i].Deadline = now.Add(time.Hour)
		}
		g.Enter(now.Add(time.Duration(i)*10*time.Millisecond), &waiters[i])
	}
	now = now.Add(10 * time.Second)
	if got := g.Waiting(); got != 1000 {
		t.Fatalf("%d wait, want 1000", got)
	}
	for n := range 8 { // 100 a second came, and a tenth more may leave
		passed := 0
		for range 1000 {
			now = now.Add(time.Millisecond)
			p := admitted(g, now)
			passed += p
		}
		if passed < 105 || passed > 112 {
			t.Errorf("%d calls left in second %d, want about 110", passed, n)
		}
	}
}

// TestGate_refusesAtOnceWhatCannotCome: a call is refused if its deadline is before
// the gate opens and before the next scout's answer; one with time left waits; and
// one in the queue is told when the gate closes for longer.
func TestGate_refusesAtOnceWhatCannotCome(t *testing.T) {
	now := at(0)
	g := closedFor(10*time.Second, now)                                // a scout may go after 750 ms, and its answer is known 1 s later
	hopeless := gate.Waiter{Deadline: now.Add(750 * time.Millisecond)} // half of it may be needed
	soon, saved := gate.Waiter{Deadline: now.Add(1750 * time.Millisecond)}, gate.Waiter{Deadline: now.Add(1751 * time.Millisecond)}
	if got := g.Enter(now, &hopeless); got != gate.Refuse {
		t.Errorf("got %v for a call that has too little time to be the scout, want refuse", got)
	}
	if got := g.Enter(now, &saved); got != gate.Wait {
		t.Errorf("got %v for a deadline after the scout's answer, want wait", got)
	}
	if got := g.Enter(now, &soon); got != gate.Refuse {
		t.Errorf("got %v for a deadline before the answer of the scout, which is another call: want refuse", got)
	}
	late, forever := gate.Waiter{Deadline: now.Add(11 * time.Second)}, gate.Waiter{}
	g.Enter(now, &late)
	g.Enter(now, &forever)
	now = now.Add(749 * time.Millisecond)
	if w, _ := g.Admit(now); w != nil {
		t.Error("a scout went that had time to wait for the answer of another")
	}
	now = now.Add(time.Millisecond)
	if w, verdict := g.Admit(now); w != &saved || verdict != gate.Pass {
		t.Fatalf("got %v, want the call that only a scout can save let through", verdict)
	}
	g.Done(now.Add(time.Millisecond), saved.Ticket(), refusal(20*time.Second), 0)
	now = now.Add(10 * time.Second)
	for {
		w, verdict := g.Admit(now)
		if w == nil {
			break
		}
		if w == &late && verdict == gate.Pass && !w.Ticket().Scout() {
			t.Error("a call went through before the time that the scout was told")
		}
	}
	if g.State(now) != gate.Closed || g.Until().Sub(now) < 10*time.Second {
		t.Errorf("it is %v for %v, want closed for 10s more", g.State(now), g.Until().Sub(now))
	}
}

// TestGate_noDeadlineWaitsAMinute: then it goes through, whatever holds.
func TestGate_noDeadlineWaitsAMinute(t *testing.T) {
	now := at(0)
	g := closedFor(4*time.Minute, now)
	var w gate.Waiter
	g.Enter(now, &w)
	minute := now.Add(time.Minute)
	if got := g.Next(now); !got.Equal(minute) {
		t.Errorf("Next is %v later, want 1m", got.Sub(now))
	}
	if passed := admitted(g, minute.Add(-1)); passed != 0 {
		t.Error("it went through too early")
	}
	if passed := admitted(g, minute); passed != 1 {
		t.Error("it did not go through after a minute")
	}
}

// TestGate_trouble: three failures in a row close the gate of a channel that was
// well; one probe at a time goes through, and its success opens it.
func TestGate_trouble(t *testing.T) {
	now := at(1000)
	g := gate.New(policy.FleetGate(), now, well(now), &gate.Memory{})
	g.Done(now, gate.Ticket{}, overload(), 0)
	for range 2 {
		if g.State(now) != gate.Open {
			t.Fatal("it closed too early")
		}
		var w gate.Waiter
		now = now.Add(time.Millisecond)
		g.Enter(now, &w)
		now = now.Add(time.Millisecond)
		g.Done(now, w.Ticket(), overload(), 0)
	}
	if g.State(now) != gate.Probing {
		t.Fatalf("it is %v after three failures, want probing", g.State(now))
	}
	waiters := make([]gate.Waiter, 10)
	for i := range waiters {
		if got := g.Enter(now, &waiters[i]); got != gate.Wait {
			t.Fatalf("got %v, want wait", got)
		}
	}
	wait := g.Until().Sub(now)
	if wait < 250*time.Millisecond || wait >= 500*time.Millisecond {
		t.Errorf("the first probe goes after %v, want 250ms to 500ms", wait)
	}
	now = g.Until()
	if passed := admitted(g, now); passed != 1 {
		t.Fatalf("%d probes went, want 1", passed)
	}
	if passed := admitted(g, now.Add(20*time.Second)); passed != 0 {
		t.Error("a second probe went while the first was under way")
	}
	g.Done(now.Add(time.Second), waiters[0].Ticket(), codes.Failure{}, 0)
	if g.State(now) != gate.Open {
		t.Errorf("it is %v after a probe that went well, want open", g.State(now))
	}
}

// TestGate_noTroubleWhere: failures that do not mean trouble leave it open.
func TestGate_noTroubleWhere(t *testing.T) {
	now := at(1000)
	fail := func(g *gate.Gate, n int, f codes.Failure, between codes.Failure) {
		at := now
		for range n {
			var w, good gate.Waiter
			at = at.Add(time.Millisecond)
			g.Enter(at, &w)
			g.Enter(at, &good)
			at = at.Add(time.Millisecond)
			g.Done(at, w.Ticket(), f, 0)
			if between.Class != codes.NumClasses {
				at = at.Add(time.Millisecond)
				g.Done(at, good.Ticket(), between, 0)
			}
		}
	}
	nothing := codes.Failure{Class: codes.NumClasses}
	for name, play := range map[string]func(g *gate.Gate){
		"half of the calls succeed":  func(g *gate.Gate) { fail(g, 50, overload(), codes.Failure{}) },
		"the requests are wrong":     func(g *gate.Gate) { fail(g, 50, codes.Failure{Class: codes.Request, Reach: codes.Answered}, nothing) },
		"the quota is spent for now": func(g *gate.Gate) { fail(g, 50, codes.Failure{Class: codes.Spent, Reach: codes.Answered}, nothing) },
		"one connection was lost": func(g *gate.Gate) {
			for range 50 { // all were under way, and fail at once
				g.Done(now, gate.Ticket{}, codes.Failure{Class: codes.Network}, 0)
			}
		},
	} {
		g := gate.New(policy.FleetGate(), now, well(now), &gate.Memory{})
		play(g)
		if got := g.State(now.Add(time.Second)); got != gate.Open {
			t.Errorf("%s: it is %v, want open", name, got)
		}
	}
	for name, g := range map[string]*gate.Gate{
		"a channel that was never well":      gate.New(policy.FleetGate(), now, &gate.Channel{}, &gate.Memory{}),
		"a gate that closes for hints alone": gate.New(policy.DefaultGate(), now, well(now), &gate.Memory{}),
	} {
		fail(g, 50, overload(), nothing)
		if got := g.State(now.Add(time.Second)); got != gate.Open {
			t.Errorf("%s: it is %v, want open", name, got)
		}
	}
}

// TestGate_boundsWhatIsUnderWayAfterTrouble: one call after the probe, and one
// more for every success, however many wait.
func TestGate_boundsWhatIsUnderWayAfterTrouble(t *testing.T) {
	now := at(1000)
	p := &gate.Channel{}
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a test has to be repeatable, not secret
	for n := 6000; n > 0; n-- {        // 100 a second
		if rng.IntN(p.Every()) == 0 {
			p.Success(now.Add(-time.Duration(n) * 10 * time.Millisecond))
		}
	}
	g := gate.New(policy.FleetGate(), now, p, &gate.Memory{})
	for range 3 {
		var w gate.Waiter
		now = now.Add(time.Millisecond)
		g.Enter(now, &w)
		now = now.Add(time.Millisecond)
		g.Done(now, w.Ticket(), overload(), 0)
	}
	waiters := make([]gate.Waiter, 100)
	for i := range waiters {
		g.Enter(now, &waiters[i])
	}
	now = g.Until()
	probe, _ := g.Admit(now)
	now = now.Add(100 * time.Millisecond)
	g.Done(now, probe.Ticket(), codes.Failure{}, 0)
	under := 0
	for second := range 3 {
		for range 1000 {
			now = now.Add(time.Millisecond)
			passed := admitted(g, now)
			under += passed
		}
		if want := 2; under != want {
			t.Fatalf("%d calls are under way in second %d after the probe, want %d", under, second, want)
		}
	}
	if next := g.Next(now); !next.After(now) {
		t.Errorf("Next is %v from now while there is no room, want later", next.Sub(now))
	}
	now = now.Add(30 * time.Second) // those two will never be answered
	if passed := admitted(g, now); passed != 1 {
		t.Fatalf("%d calls went after half a minute without an answer, want 1", passed)
	}
	passed := 0
	for range 1000 {
		now = now.Add(time.Millisecond)
		passed += admitted(g, now)
	}
	if want := 1; passed != want {
		t.Errorf("%d calls went besides that one, want %d: the two count no longer", passed, want)
	}
}

// TestGate_holds: whoever was refused has nothing to wait for but the gate, unless
// the server asked him for more.
func TestGate_holds(t *testing.T) {
	now := at(0)
	g := closedFor(10*time.Second, now)
	for _, c := range []struct {
		name string
		f    codes.Failure
		want bool
	}{
		{"the same hint", refusal(10 * time.Second), true},
		{"a shorter one", refusal(time.Second), true},
		{"no hint", refusal(0), true},
		{"a longer one", refusal(11 * time.Second), false},
		{"a pushback", codes.Failure{Class: codes.Quota, Pushback: codes.Pushback{Set: true}}, false},
		{"one that is not waited out", refusal(time.Hour), false},
	} {
		if got := g.Holds(now, c.f); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if g.Holds(g.Until(), refusal(0)) {
		t.Error("an open gate holds no one")
	}
}

// TestGate_oddInput: nothing panics, and nothing closes for ever.
func TestGate_oddInput(t *testing.T) {
	now := at(1000)
	for _, f := range []codes.Failure{
		{}, refusal(1), refusal(math.MaxInt64), refusal(161 * time.Hour), refusal(-time.Second), overload(), {Class: codes.NumClasses},
	} {
		for _, c := range []policy.GateConfig{{}, policy.DefaultGate(), policy.FleetGate()} {
			g := gate.New(c, now, well(now), &gate.Memory{})
			var w gate.Waiter
			past := gate.Waiter{Deadline: now.Add(-time.Hour)}
			g.Enter(now, &w)
			for range 5 {
				g.Done(now, w.Ticket(), f, math.Nextafter(1, 0))
				g.Done(now.Add(-time.Minute), w.Ticket(), f, 0)
			}
			g.Enter(now, &past)
			g.Leave(&past)
			g.Leave(&past)
			admitted(g, now)
			if wait := g.Until().Sub(now); wait > 7*time.Minute {
				t.Errorf("%+v closed it for %v", f, wait)
			}
		}
	}
}

// TestGate_manyWaiters: 100,000 calls come, and half of them leave, in no time
// to speak of; those who stay keep their order.
func TestGate_manyWaiters(t *testing.T) {
	now := at(0)
	g := closedFor(time.Second, now)
	waiters := make([]gate.Waiter, 100_000)
	for i := range waiters {
		waiters[i].Deadline = now.Add(time.Duration(1+i) * time.Hour)
		g.Enter(now, &waiters[i])
	}
	for i := 0; i < len(waiters); i += 2 {
		g.Leave(&waiters[i])
	}
	if got := g.Waiting(); got != 50_000 {
		t.Fatalf("%d wait, want 50000", got)
	}
	for i := 1; i < 200; i += 2 {
		now = g.Next(now)
		if w, _ := g.Admit(now); w != &waiters[i] {
			t.Fatalf("call %d was not next", i)
		}
	}
}

// TestPulse: it counts every success of a channel with few, samples of one with
// many, and forgets after a minute.
func TestPulse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))               //nolint:gosec // a test has to be repeatable, not secret
	for _, rate := range []int{1, 60, 600, 60_000} { // a minute
		var p gate.Pulse
		now := at(0)
		samples := 0
		for ; now.Before(at(300)); now = now.Add(time.Minute / time.Duration(rate)) {
			if rng.IntN(p.Every()) == 0 {
				p.Success(now)
				samples++
			}
		}
		if got := p.Recent(now); math.Abs(got-float64(rate)) > 0.4*float64(rate)+1 {
			t.Errorf("%d a minute: it counts %v", rate, got)
		}
		if samples > 5*100 && rate > 100 {
			t.Errorf("%d a minute: %d samples in 5 min, want at most 500", rate, samples)
		}
		if got := p.Recent(now.Add(2 * time.Minute)); got != 0 {
			t.Errorf("%d a minute: %v are left after two minutes", rate, got)
		}
	}
}

// TestGate_probeThatTellsNothing: if the caller of a probe has gone, the next one
// goes at once.
func TestGate_probeThatTellsNothing(t *testing.T) {
	now := at(1000)
	g := gate.New(policy.FleetGate(), now, &gate.Channel{}, &gate.Memory{})
	g.Done(now, gate.Ticket{}, refusal(0), 0.5)
	waiters := make([]gate.Waiter, 2)
	for i := range waiters {
		g.Enter(now, &waiters[i])
	}
	now = g.Until()
	probe, _ := g.Admit(now)
	now = now.Add(time.Second)
	g.Done(now, probe.Ticket(), codes.Failure{Class: codes.Ended}, 0)
	if passed := admitted(g, now); passed != 1 {
		t.Errorf("%d probes went when the first had told nothing, want 1", passed)
	}
}

// TestGate_chance: where two calls in five fail by chance, seven of fourteen that
// failed so far are no trouble; twenty in a row are.
func TestGate_chance(t *testing.T) {
	now := at(1000)
	p := well(now)
	for range 20 {
		p.Failure(now.Add(-time.Second))
	}
	g := gate.New(policy.FleetGate(), now, p, &gate.Memory{})
	send := func() gate.Ticket {
		var w gate.Waiter
		now = now.Add(time.Millisecond)
		g.Enter(now, &w)
		return w.Ticket()
	}
	g.Done(now, gate.Ticket{}, overload(), 0)
	for range 7 {
		send()
		k := send()
		now = now.Add(time.Millisecond)
		g.Done(now, k, overload(), 0)
	}
	if got := g.State(now); got != gate.Open {
		t.Errorf("it is %v after what may be chance, want open", got)
	}
	for range 30 {
		k := send()
		now = now.Add(time.Millisecond)
		g.Done(now, k, overload(), 0)
	}
	if got := g.State(now); got != gate.Probing {
		t.Errorf("it is %v after 37 of 44 calls have failed, want probing", got)
	}
}

// TestGate_forgets: what no call has come to for two minutes is at rest, whatever
// it was.
func TestGate_forgets(t *testing.T) {
	now := at(1000)
	probing := gate.New(policy.FleetGate(), now, &gate.Channel{}, &gate.Memory{})
	probing.Done(now, gate.Ticket{}, refusal(0), 0)
	failed := gate.New(policy.FleetGate(), now, well(now), &gate.Memory{})
	failed.Done(now, gate.Ticket{}, overload(), 0)
	for name, g := range map[string]*gate.Gate{"probing": probing, "open, after a failure": failed} {
		if g.AtRest(now.Add(time.Minute)) {
			t.Errorf("%s: it is at rest after 1m", name)
		}
		if rest := g.Next(now); !g.AtRest(rest) || rest.After(now.Add(2*time.Minute+time.Second)) {
			t.Errorf("%s: it is not at rest %v later", name, rest.Sub(now))
		}
	}
	var w gate.Waiter
	probing.Enter(now, &w)
	if probing.AtRest(now.Add(time.Hour)) {
		t.Error("it is at rest while a call waits")
	}
}
