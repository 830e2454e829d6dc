package batch

import (
	"sync"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// counts is the account so far. The names of the fields are those of -json.
type counts struct {
	Asked      int     `json:"asked"` // prompts: answered, failed, without a result, and in flight
	Answered   int     `json:"answered"`
	Failed     int     `json:"failed"`
	Cut        int     `json:"cut"`      // asked, without a result: interrupted, or not written
	Attempts   int     `json:"attempts"` // of prompts not in flight
	Retries    int     `json:"retries"`
	Waited     float64 `json:"waited"`      // seconds between attempts
	GateClosed int     `json:"gate_closed"` // how often
	GateHeld   int     `json:"gate_held"`   // prompts with a wait at the gate
}

// tally counts. A tally is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	counts  counts
	reasons reasons
}

// now returns the counts.
func (t *tally) now() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// ask counts a prompt before the call.
func (t *tally) ask() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Asked++
}

// event takes an event of any call.
func (t *tally) event(e interceptor.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Outcome != interceptor.Pending && e.Gated > 0 {
		t.counts.GateHeld++
	}
	if e.Decision.Retry {
		t.counts.Retries++
	}
}

// gate takes a change of the gate.
func (t *tally) gate(e interceptor.GateEvent) {
	if e.State != gate.Closed {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.GateClosed++
}

// add counts a result.
func (t *tally) add(r Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Attempts += r.Attempts
	t.counts.Waited += r.Waited
	if r.Error == nil {
		t.counts.Answered++
		return
	}
	t.counts.Failed++
	t.reasons.add(r.Class, *r.Error)
}

// cut counts an asked prompt without a result.
func (t *tally) cut(r Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Attempts += r.Attempts
	t.counts.Waited += r.Waited
	t.counts.Cut++
}
