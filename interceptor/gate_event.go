package interceptor

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/loglimit"
	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// GateEvent reports that a gate has closed, probes, or is open again.
type GateEvent struct {
	// Key is the key of the gate: see [GateKey]. A key may name models and projects, and is
	// no metric label.
	Key string
	// Target is the canonical target of the connection; empty for functions of Do.
	// Connections to the same target share the gates of a Retrier.
	Target string
	// State is the new state.
	State gate.State
	// Failure is the failure that closed the gate; zero when the gate is open again.
	Failure codes.Failure
	// Until is when the gate reopens at the latest, or when the next probe goes.
	Until time.Time
	// Waiting is the number of waiting calls.
	Waiting int
	// Pace is how many calls per second go through from now on; 0 for no limit.
	Pace float64
	// DryRun says that the gate holds no call: see [WithGateDryRun].
	DryRun bool
	// Doubted is until when one refusal does not close the gate, because the server
	// accepted a call before the end of its own hint; zero otherwise.
	Doubted time.Time
}

// GateCounts is the number of gates of a [Retrier] by state. A quota without a refusal or a
// failure has no gate.
type GateCounts struct {
	// Closed gates let no call through, Probing gates one call at a time, and Open gates as
	// many calls as the server was seen to accept.
	Closed, Probing, Open int
	// Waiting is the number of calls that wait, at all gates together.
	Waiting int
	// WouldHold is the number of attempts since the start of a dry run (see
	// [WithGateDryRun]) that the gates would have held for a second or more, or turned
	// away; InVain is the number of these attempts that succeeded. Both are 0 without a dry
	// run.
	WouldHold, InVain int
}

// Gates returns the current counts.
func (r *Retrier) Gates() GateCounts { return GateCounts(r.gates.Counts()) }

// observeGate calls the observer. A panic is logged, since there is no call to fail.
func (r *Retrier) observeGate(e GateEvent) {
	defer func() {
		if p := recover(); p != nil {
			what := fmt.Sprintf("a value of type %T", p) // p may hold anything
			if r.logs.messages {
				what = shown(fmt.Sprint(p))
			}
			r.logs.logOfNone(logging.LevelError, "[RETRY] the function of WithGateObserver panicked: "+what)
		}
	}()
	r.gateObserver(e)
}

// loggedQuota returns the name of a quota for the log. A key from the caller's own function
// may be a secret, such as the API key of a tenant; the log shows a hash instead.
func (r *Retrier) loggedQuota(k gates.Key) string {
	if r.gating.key == nil {
		return shown(k.Quota)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.Quota)) // never fails
	return fmt.Sprintf("key-%016x", h.Sum64())
}

// loggedKey returns the name of a quota and its target for the log.
func (r *Retrier) loggedKey(k gates.Key) string {
	if k.Target == "" {
		return r.loggedQuota(k)
	}
	return r.loggedQuota(k) + " at " + foreign.Text(k.Target)
}

// gateChanged reports a change to the observer and the log.
func (r *Retrier) gateChanged(change gates.Change) {
	e := GateEvent(change)
	if r.gateObserver != nil {
		r.observeGate(e)
	}
	if !r.logs.may(logging.LevelInfo, loglimit.Gate, e.Failure.Class) {
		return
	}
	k := gates.Key{Target: e.Target, Quota: e.Key}
	fields := logging.Fields{
		"retry.gate", e.State.String(), "retry.gate.key", r.loggedQuota(k), "retry.gate.target", foreign.Text(e.Target),
		"retry.gate.waiting", e.Waiting, "retry.gate.pace", e.Pace,
	}
	if e.State != gate.Open {
		fields = append(fields, "retry.class", e.Failure.Class.String(), "retry.rule", e.Failure.Rule, "retry.gate.until", e.Until)
	}
	if !e.Doubted.IsZero() {
		fields = append(fields, "retry.gate.doubted", e.Doubted)
	}
	sentence := e.sentence(r.loggedKey(k))
	if e.DryRun {
		sentence = "dry run: " + sentence
		fields = append(fields, "retry.gate.dry_run", true)
	}
	r.logs.logOfNone(logging.LevelInfo, "[RETRY] "+sentence, fields...)
}

// sentence returns the log message.
func (e *GateEvent) sentence(key string) string {
	at := func(t time.Time) string { return t.Add(time.Second - 1).Truncate(time.Second).Format(time.RFC3339) } // rounded up to the second
	switch {
	case e.State == gate.Closed:
		return fmt.Sprintf("%v: gate closed for %s, because of %s, until %s: %d calls wait", e.Failure.Class, key, e.Failure.Rule, at(e.Until), e.Waiting)
	case e.State == gate.Probing:
		return fmt.Sprintf("%v: gate closed for %s, because of %s, probing from %s: %d calls wait", e.Failure.Class, key, e.Failure.Rule, at(e.Until), e.Waiting)
	case e.Doubted.IsZero():
		return fmt.Sprintf("gate reopened for %s: %d calls wait, at most %.3g leave in a second", key, e.Waiting, e.Pace)
	}
	return fmt.Sprintf("gate reopened for %s: %d calls wait, at most %.3g leave in a second; the server took a call before the time that it had named, "+
		"and until %s a single refusal closes nothing", key, e.Waiting, e.Pace, at(e.Doubted))
}

// logGated logs a wait of a second or more at the gate.
func (c *call) logGated(took time.Duration) {
	if took < time.Second || !c.mayLog(logging.LevelDebug, loglimit.Gate) {
		return
	}
	c.log(logging.LevelDebug, fmt.Sprintf("[RETRY] %s has waited %v at the gate of %s", foreign.Text(c.method), rounded(took), c.r.loggedKey(c.waiter.Key())))
}
