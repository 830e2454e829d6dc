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

// GateEvent tells that a gate has closed, probes, or is open again.
type GateEvent struct {
	// Key is the key of the gate: see [GateKey]. It may name models and projects,
	// and is no metric label.
	Key string
	// Target is the canonical name of what the connection was made to; empty for
	// functions of Do. Connections to the same target share the gates of a Retrier.
	Target string
	// State is what it does from now on.
	State gate.State
	// Failure is what closed it; zero when it is open again.
	Failure codes.Failure
	// Until is when it reopens at the latest, or when the next probe goes.
	Until time.Time
	// Waiting is how many calls wait.
	Waiting int
	// Pace is how many calls go through in a second from now on; 0 if their
	// number is not limited.
	Pace float64
	// DryRun says that the gate holds nobody: see [WithGateDryRun].
	DryRun bool
	// Doubted is until when one refusal does not close the gate, because a call was
	// accepted before the time that the server had named; zero if that is not so.
	Doubted time.Time
}

// GateCounts says how many gates a [Retrier] has, by what they do. A quota that no
// call was refused by has none.
type GateCounts struct {
	// Closed gates let no call through, Probing ones one at a time, and Open ones
	// as many as the server was seen to accept.
	Closed, Probing, Open int
	// Waiting is how many calls wait at all of them together.
	Waiting int
	// WouldHold is how many attempts would have been held for a second or more, or
	// turned away, since a dry run began (see [WithGateDryRun]); InVain is how many of
	// them succeeded without. Both are 0 without a dry run.
	WouldHold, InVain int
}

// Gates returns the gates that there are now.
func (r *Retrier) Gates() GateCounts { return GateCounts(r.gates.Counts()) }

// observeGate tells the observer. No call is there to be failed if it panics.
func (r *Retrier) observeGate(e GateEvent) {
	defer func() {
		if p := recover(); p != nil {
			what := fmt.Sprintf("a value of type %T", p) // which may hold anything
			if r.logs.messages {
				what = shown(fmt.Sprint(p))
			}
			r.logs.logOfNone(logging.LevelError, "[RETRY] the function of WithGateObserver panicked: "+what)
		}
	}()
	r.gateObserver(e)
}

// loggedQuota returns what a quota is called in the log. One that the caller has named
// may be a secret, such as the API key of a tenant: then it is a number that stands
// for it.
func (r *Retrier) loggedQuota(k gates.Key) string {
	if r.gating.key == nil {
		return shown(k.Quota)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.Quota)) // it takes everything
	return fmt.Sprintf("key-%016x", h.Sum64())
}

// loggedKey returns the same, and where.
func (r *Retrier) loggedKey(k gates.Key) string {
	if k.Target == "" {
		return r.loggedQuota(k)
	}
	return r.loggedQuota(k) + " at " + foreign.Text(k.Target)
}

// gateChanged tells those who watch of a change.
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

// sentence returns the line of the log.
func (e *GateEvent) sentence(key string) string {
	at := func(t time.Time) string { return t.Add(time.Second - 1).Truncate(time.Second).Format(time.RFC3339) } // or a little before
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

// logGated tells of a call that has waited for a second or more.
func (c *call) logGated(took time.Duration) {
	if took < time.Second || !c.mayLog(logging.LevelDebug, loglimit.Gate) {
		return
	}
	c.log(logging.LevelDebug, fmt.Sprintf("[RETRY] %s has waited %v at the gate of %s", foreign.Text(c.method), rounded(took), c.r.loggedKey(c.waiter.Key())))
}
