package gates_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

var (
	start   = time.Unix(1e9, 0)
	hot     = gates.Key{Target: "server", Quota: "hot"}
	cold    = gates.Key{Target: "server", Quota: "cold"}
	refused = codes.Failure{Class: codes.Quota, Delay: 2 * time.Second, Asked: true}
	errHot  = errors.New("refused")
)

// begin returns gates with a clock that stands still, and what they tell.
func begin(c gates.Config) (g *gates.Gates, fake *clock.Fake, told *[]string) {
	g, fake, told = new(gates.Gates), clock.NewFake(start), new([]string)
	figures := policy.DefaultGate()
	c.Clock, c.Rand, c.Figures = fake, func() float64 { return 0.5 }, func() *policy.GateConfig { return &figures }
	c.Changed = func(e gates.Change) {
		*told = append(*told, fmt.Sprintf("%s at %s: %v after %v, %d wait", e.Key, e.Target, e.State, fake.Now().Sub(start), e.Waiting))
	}
	c.Held = func(h gates.Held) {
		*told = append(*told, fmt.Sprintf("%s: %s would have been held for %v, away %v, %v", h.Key.Quota, h.Method, h.For, h.Away, h.First.Class))
	}
	g.Begin(c)
	return g, fake, told
}

// TestGates: a key that was refused has a gate, and the others have none; whoever waits is
// told when it opens, in its turn.
func TestGates(t *testing.T) {
	g, fake, told := begin(gates.Config{})
	if g.There() || g.Concern(codes.Failure{}) || !g.Concern(refused) {
		t.Fatal("want no gate before a refusal, and only a refusal to concern it")
	}
	if opens, held := g.Done(hot, gate.Ungated(0, false), refused, errHot); !held || opens != 2250*time.Millisecond {
		t.Errorf("held %v, opens after %v, want held, after 2.25s", held, opens)
	}
	if w, verdict := g.Arrive(cold, nil, gates.Arrival{}); w != nil || verdict != gate.Pass {
		t.Errorf("another key: %v, want it to pass without a gate", verdict)
	}
	var waiting []*gates.Waiter
	for range 3 {
		w, verdict := g.Arrive(hot, nil, gates.Arrival{Again: true})
		if verdict != gate.Wait {
			t.Fatalf("got %v, want the call to wait", verdict)
		}
		waiting = append(waiting, w)
	}
	late, verdict := g.Arrive(hot, nil, gates.Arrival{Again: true, Deadline: start.Add(time.Second)})
	if why := g.Reason(late); verdict != gate.Refuse || !why.Closed || why.Err != errHot || why.Left < 2*time.Second { //nolint:errorlint // the very same
		t.Errorf("got %v, %+v, want it refused, with what has closed the gate", verdict, why)
	}
	g.Leave(waiting[1], gate.Wait)
	if got := g.Counts(); got != (gates.Counts{Closed: 1, Waiting: 2}) {
		t.Errorf("got %+v, want one that is closed, and two calls", got)
	}
	fake.Advance(10 * time.Second)
	for n, w := range waiting {
		select {
		case verdict := <-w.Ready():
			if n == 1 || verdict != gate.Pass || w.Ticket().Sent().Before(start.Add(2250*time.Millisecond)) {
				t.Errorf("call %d: %v, sent at %v", n, verdict, w.Ticket().Sent())
			}
		default:
			if n != 1 {
				t.Errorf("call %d still waits", n)
			}
		}
	}
	want := []string{"hot at server: closed after 0s, 0 wait", "hot at server: open after 2.25s, 1 wait"}
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	fake.Advance(time.Hour)
	if g.There() {
		t.Error("the gate is still there after an hour")
	}
}

// TestGates_dryRun: a shade waits in the place of a call, and is reported.
func TestGates_dryRun(t *testing.T) {
	g, fake, told := begin(gates.Config{Dry: true})
	g.Done(hot, gate.Ungated(0, false), refused, errHot)
	s, _ := g.Pass(nil, hot, gates.Arrival{Again: true}, gates.Attempt{Method: "f"})
	if s == nil {
		t.Fatal("no shade waits")
	}
	if !s.Answer(codes.Failure{}, nil) {
		t.Error("the shade does not take the answer")
	}
	fake.Advance(5 * time.Second)
	if got := g.Counts(); got.WouldHold != 1 || got.InVain != 1 {
		t.Errorf("got %+v, want one that would have been held in vain", got)
	}
	if want := "hot: f would have been held for 2.25s, away false, None"; len(*told) < 2 || (*told)[1] != want {
		t.Errorf("told %q, want %q", *told, want)
	}
}

// TestGates_off: there is none, whatever happens.
func TestGates_off(t *testing.T) {
	g, _, _ := begin(gates.Config{Off: true, Samples: true})
	there, every := g.Look()
	if there || every != 0 || g.Concern(refused) {
		t.Errorf("got %v, a sample of %d: want nothing", there, every)
	}
}

// TestGates_spending: calls need to look for spent quotas only while one is closed, also if
// nobody asks for that one again.
func TestGates_spending(t *testing.T) {
	g, fake, _ := begin(gates.Config{})
	spent := codes.Failure{Class: codes.Spent, Delay: time.Minute}
	g.Spend(hot, false, spent, errHot)
	if left, scout, why := g.Spent(hot); !g.Spending() || left != time.Minute || scout || why.Err != errHot { //nolint:errorlint // the very same
		t.Errorf("got %v, %v, %+v: want a minute", left, scout, why)
	}
	fake.Advance(time.Minute)
	if left, _, _ := g.Spent(cold); left != 0 || g.Spending() {
		t.Error("calls still look for the spent quota")
	}
	g.Spend(hot, false, spent, errHot)
	if !g.Spending() {
		t.Error("a second refusal closes nothing")
	}
	g.Refill(hot)
	if g.Spending() {
		t.Error("calls look for a quota that has accepted a scout")
	}
}

// TestGates_reason: a call that is not let through is told a failure with an error, though no
// call has ever failed.
func TestGates_reason(t *testing.T) {
	limit := policy.Quota{Pattern: "hot", Requests: 1, Window: 10 * time.Second}
	g, _, _ := begin(gates.Config{Quotas: func() []policy.Quota { return []policy.Quota{limit} }})
	_, _ = g.Arrive(hot, nil, gates.Arrival{})
	w, verdict := g.Arrive(hot, nil, gates.Arrival{Deadline: start.Add(time.Second)})
	why := g.Reason(w)
	if verdict != gate.Refuse || why.Limit != limit || why.Left != 10100*time.Millisecond || why.Failure.Class != codes.Quota || why.Failure.Reach != codes.Unsent {
		t.Errorf("%v because of %+v, want it refused because of the limit, and 10.1s left", verdict, why)
	}
	if why.Err == nil || why.Err.Error() != "rpc error: code = ResourceExhausted desc = the limit is known: 1 request in 10s of hot" {
		t.Errorf("got %v, want an error with the limit", why.Err)
	}
}
