package interceptor

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// GateEvent tells that a gate has closed, probes, or is open again.
type GateEvent struct {
	// Key is the key of the gate: see [GateKey]. It may name models and projects,
	// and is no metric label.
	Key string
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
}

// note keeps a change of state to be told.
func (g *gates) note(k *keyedGate, now time.Time) {
	state := k.State(now)
	if state == k.state {
		return
	}
	k.state = state
	if g.r.gateObserver == nil && len(g.r.logs.to) == 0 {
		return
	}
	e := GateEvent{Key: k.key, State: state, Waiting: k.Waiting(), Pace: k.Pace(now)}
	if state != gate.Open {
		e.Failure, e.Until = k.failure, k.Until()
	}
	g.told = append(g.told, e)
}

// announce tells those who watch of the changes so far, without the lock, one
// after the other and in their order.
func (g *gates) announce() {
	for g.tell.TryLock() {
		e, ok := g.nextTold()
		if ok {
			func() {
				defer g.tell.Unlock()
				g.announceOne(e)
			}()
			continue
		}
		g.tell.Unlock()
		g.mu.Lock()
		more := len(g.told) > 0 // of one who came when we were about to go
		g.mu.Unlock()
		if !more {
			return
		}
	}
}

func (g *gates) nextTold() (e GateEvent, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.told) == 0 {
		return e, false
	}
	e = g.told[0]
	if g.told = g.told[1:]; len(g.told) == 0 {
		g.told = nil
	}
	return e, true
}

// observe tells the observer. No call is there to be failed if it panics.
func (g *gates) observe(f func(GateEvent), e GateEvent) {
	defer func() {
		if p := recover(); p != nil {
			what := fmt.Sprintf("a value of type %T", p) // which may hold anything
			if g.r.logs.messages {
				what = redact(fmt.Sprint(p))
			}
			for _, l := range g.r.logs.to {
				l.Log(context.Background(), logging.LevelError, "[RETRY] the function of WithGateObserver panicked: "+what)
			}
		}
	}()
	f(e)
}

// loggedKey returns what a key is called in the log. One of the caller's own may be a
// secret, such as the API key of a tenant: then it is a number that stands for it.
func (g *gates) loggedKey(key string) string {
	if g.key == nil {
		return redact(key)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // it takes everything
	return fmt.Sprintf("key-%016x", h.Sum64())
}

// announceOne tells of a change.
func (g *gates) announceOne(e GateEvent) {
	if f := g.r.gateObserver; f != nil {
		g.observe(f, e)
	}
	if len(g.r.logs.to) == 0 {
		return
	}
	e.Key = g.loggedKey(e.Key)
	var msg string
	switch e.State {
	case gate.Open:
		msg = fmt.Sprintf("[RETRY] gate reopened for %s: %d calls wait, %.3g leave in a second", e.Key, e.Waiting, e.Pace)
	case gate.Closed:
		msg = fmt.Sprintf("[RETRY] %v: gate closed for %s, until %s", e.Failure.Class, e.Key, e.Until.Format(time.RFC3339Nano))
	case gate.Probing:
		msg = fmt.Sprintf("[RETRY] %v: gate closed for %s, probing from %s", e.Failure.Class, e.Key, e.Until.Format(time.RFC3339Nano))
	}
	fields := logging.Fields{
		"retry.gate", e.State.String(), "retry.gate.key", e.Key, "retry.gate.waiting", e.Waiting, "retry.gate.pace", e.Pace,
	}
	if e.State != gate.Open {
		fields = append(fields, "retry.class", e.Failure.Class.String(), "retry.rule", e.Failure.Rule, "retry.gate.until", e.Until)
	}
	for _, l := range g.r.logs.to {
		l.Log(context.Background(), logging.LevelInfo, msg, fields...)
	}
}
